"""What to run of a trace: the schemes, layers and images that were asked for, or all that a machine can run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from accelsim.config import Machine
from accelsim.errors import AccelsimError, suggestion
from accelsim.mapping import check_runs, why_not
from accelsim.schemes import Scheme
from accelsim.trace import TraceFile


def chosen_schemes(trace: TraceFile, names: Sequence[str] | None, machine: Machine) -> list[Scheme]:
    """The named schemes of the trace, or all that the machine can run.

    Raises AccelsimError if a named scheme is not in the trace or cannot run, or if none can.
    """
    _check_names("schemes", names, "all that fit")
    if names is None:
        schemes = [scheme for scheme in trace.schemes if why_not(scheme, machine) is None]
        if not schemes:
            shown = ", ".join(scheme.name for scheme in trace.schemes)
            raise AccelsimError(f"{trace.path}: machine {machine.name} can run none of its schemes ({shown})")
        return schemes
    schemes = [trace.scheme(name) for name in dict.fromkeys(names)]
    for scheme in schemes:
        if reason := why_not(scheme, machine):
            raise AccelsimError(f"{trace.path}: scheme {scheme.name} cannot run: {reason}")
    return schemes


def chosen_layers(trace: TraceFile, names: Sequence[str] | None) -> list[str]:
    """The named layers, or all, in the order of execution. Raises AccelsimError for an unknown name, or for none."""
    _check_names("layers", names, "all")
    known = [layer.name for layer in trace.layers]
    if names is None:
        return known
    for name in names:
        if name not in known:
            raise AccelsimError(f"{trace.path}: no layer {name!r}; {suggestion(name, known)}")
    return [name for name in known if name in names]


def _check_names(what: str, names: object, default: str) -> None:
    if names is None:
        return
    listed = list(names) if isinstance(names, Collection) and not isinstance(names, str) else []
    if not listed or not all(isinstance(name, str) for name in listed):
        raise AccelsimError(f"{what}: {names!r}; allowed: a list of names, or None for {default}")


def chosen_images(trace: TraceFile, images: slice | None) -> range:
    """Indices into the trace's images. Raises AccelsimError if the slice holds none of them."""
    if not isinstance(images, slice | None):
        raise AccelsimError(f"images: {images!r}; allowed: a slice such as slice(0, 4), or None for all")
    count = len(trace.image_ids)
    try:
        indices = range(count)[images or slice(None)]
    except (TypeError, ValueError):  # bounds that are no whole numbers, or a step of 0
        raise AccelsimError(f"images: {images!r}; allowed: whole numbers, and no step of 0") from None
    asked_beyond = images is not None and images.stop is not None and images.stop > count
    if not indices or asked_beyond:
        text = f"{images.start or 0}:{'' if images.stop is None else images.stop}" if images else ""
        raise AccelsimError(f"{trace.path}: images {text} are not all in the trace; it has 0:{count}")
    return indices


def check_fits(
    trace: TraceFile, schemes: Iterable[Scheme], machine: Machine, layers: Sequence[str] | None = None
) -> None:
    """Raise AccelsimError if a layer does not fit the machine's SRAMs under one of the schemes.

    What a layer needs depends on a scheme's selector and unit only, so one scheme of each is looked at.
    """
    for scheme in {(each.selector_kind, each.rows_per_unit): each for each in schemes}.values():
        names = chosen_layers(trace, layers)
        check_runs((trace.layer(name, scheme.name, images=slice(0, 1)) for name in names), machine)
