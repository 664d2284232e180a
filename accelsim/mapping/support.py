"""What a machine can run at all: the scheme that its selector must make, and the spiking neurons that it must have."""

from __future__ import annotations

from accelsim.config import Machine
from accelsim.errors import AccelsimError
from accelsim.schemes import Scheme
from accelsim.trace import LayerTrace
from accelsim.trace.layer_shape import SPIKING_KINDS


def why_not(scheme: Scheme, machine: Machine) -> str | None:
    """Return why the machine cannot run a scheme; None if it can."""
    selector, wanted = machine.selector, scheme.selector_kind
    if wanted is None:
        return None
    if selector is None:
        return f"machine {machine.name} has no selector and runs dense only"
    if selector.kind != wanted:
        return f"machine {machine.name} has a selector of kind {selector.kind}, not {wanted}"
    if selector.kind == "nm" and scheme.rows_per_unit > selector.max_of:
        return (
            f"selector.max_of of machine {machine.name} is {selector.max_of}, "
            f"less than the {scheme.rows_per_unit} rows of a group"
        )
    return None


def check_supported(layer: LayerTrace, machine: Machine) -> None:
    """Raise AccelsimError if the machine lacks what the layer needs, whatever its sizes."""
    if layer.masks is not None and (reason := why_not(layer.scheme, machine)):
        raise AccelsimError(f"layer {layer.name}: scheme {layer.scheme.name} cannot run: {reason}")
    if layer.shape.kind not in SPIKING_KINDS:
        return
    if machine.spiking is None:
        raise AccelsimError(
            f"layer {layer.name}: machine {machine.name} has no section spiking and runs no layers of kind "
            f"{layer.shape.kind}"
        )
    if layer.shape.noise and not machine.spiking.noise_generators:
        raise AccelsimError(
            f"layer {layer.name}: its neurons add noise, and machine {machine.name} has no spiking.noise_generators"
        )
