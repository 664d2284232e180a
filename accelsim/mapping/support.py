"""What a machine can run at all: the scheme that its selector must make, and the spiking neurons that it must have."""

from __future__ import annotations

from accelsim.config import Machine
from accelsim.errors import AccelsimError
from accelsim.lengths import WORD_BITS
from accelsim.schemes import AllNoiseScheme, Scheme
from accelsim.trace import LayerTrace
from accelsim.trace.layer_shape import SPIKING_KINDS


def why_not(scheme: Scheme, machine: Machine) -> str | None:
    """Return why the machine cannot run a scheme, whatever the layers; None if it can."""
    selector, wanted = machine.selector, scheme.selector_kind
    if scheme.precise_bits not in (0, *machine.mvu.precise_bits):
        return f"mvu.precise_bits of machine {machine.name} has no {scheme.precise_bits}; add it"
    if scheme.approximates and machine.projection is None:
        return f"machine {machine.name} has no projection and runs dense only"
    if wanted is None:
        return None
    if selector is None:
        return f"machine {machine.name} has no selector; it runs dense and {AllNoiseScheme.example} only"
    if selector.kind != wanted:
        return f"machine {machine.name} has a selector of kind {selector.kind}, not {wanted}"
    if selector.kind == "nm" and scheme.rows_per_unit > selector.max_of:
        return (
            f"selector.max_of of machine {machine.name} is {selector.max_of}, "
            f"less than the {scheme.rows_per_unit} rows of a group"
        )
    if scheme.scales_scores and not selector.scales:
        return f"selector.scales of machine {machine.name} is false; true lets it rank z~ after a batch norm"
    return None


def check_supported(layer: LayerTrace, machine: Machine) -> None:
    """Raise AccelsimError if the machine lacks what the layer needs, whatever its sizes."""
    scheme = layer.scheme
    if (layer.approximated or scheme.is_dense) and (reason := why_not(scheme, machine)):
        raise AccelsimError(f"layer {layer.name}: scheme {scheme.name} cannot run: {reason}")
    if layer.approximated:
        _check_form(layer, machine)
    if layer.shape.kind not in SPIKING_KINDS:
        return
    if layer.precise_bits != WORD_BITS:
        raise AccelsimError(
            f"layer {layer.name}: scheme {scheme.name} cannot run: spiking neurons have weights of {WORD_BITS} bits only"
        )
    if machine.spiking is None:
        raise AccelsimError(
            f"layer {layer.name}: machine {machine.name} has no section spiking and runs no layers of kind "
            f"{layer.shape.kind}"
        )
    if layer.shape.noise and not machine.spiking.noise_generators:
        raise AccelsimError(
            f"layer {layer.name}: its neurons add noise, and machine {machine.name} has no spiking.noise_generators"
        )


def _check_form(layer: LayerTrace, machine: Machine) -> None:
    """Raise AccelsimError if the machine makes another form of projection than the layer has."""
    assert layer.approximation is not None
    if (form := layer.approximation.form) != machine.form:
        raise AccelsimError(
            f"layer {layer.name}: its projection has form {form}, that of machine {machine.name} {machine.form}; take a "
            f"machine with projection.form {form}, or a trace with form {machine.form}"
        )
