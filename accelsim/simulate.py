"""The main verbs of the Python API: simulate a trace on a machine, and compare schemes across machines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.config import Machine, Technology
from accelsim.energy import check_clock
from accelsim.engine import ENGINES, run_images
from accelsim.errors import AccelsimError, suggestion
from accelsim.inputs import (
    DEFAULT_TECHNOLOGY,
    MachineLike,
    TechnologyLike,
    TraceLike,
    as_machine,
    as_technology,
    as_trace,
)
from accelsim.interrupt import stop_if_pressed
from accelsim.mapping import check_runs
from accelsim.results.result_rows import cost_columns, layer_columns, utilization_columns
from accelsim.results.run_results import Results
from accelsim.trace import Scheme, TraceFile
from accelsim.version import MODEL_VERSION, __version__

if TYPE_CHECKING:
    from accelsim.counts import Counts
    from accelsim.trace import LayerShape, LayerTrace

BATCH_BYTES, BATCH_IMAGES = 64 << 20, 1024
"""How much `simulate` holds at a time at most: packed masks of all layers (but one image at least), and images."""

Progress = Callable[[str], None]
"""Called with a short text after every simulated image."""


def why_not(scheme: Scheme, machine: Machine) -> str | None:
    """Why the machine's selector cannot make such masks; None if it can (any machine runs dense)."""
    if scheme.kind == "dense":
        return None
    if machine.selector is None:
        return f"machine {machine.name} has no selector and runs dense only"
    if machine.selector.kind != ("nm" if scheme.kind == "nm" else "threshold"):
        return f"machine {machine.name} has a selector of kind {machine.selector.kind}"
    if machine.selector.kind == "nm" and scheme.of > machine.selector.max_of:
        return f"selector.max_of of machine {machine.name} is {machine.selector.max_of}"
    return None


def scheme_of(trace: TraceFile, name: str) -> Scheme:
    """A scheme of the trace by name; every trace has ``dense``. Raises AccelsimError if it has no such scheme."""
    if name == "dense":
        return Scheme.dense()
    by_name = {scheme.name: scheme for scheme in trace.schemes}
    if name not in by_name:
        raise AccelsimError(f"{trace.path}: no scheme {name!r}; {suggestion(name, list(by_name))}")
    return by_name[name]


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
    schemes = [scheme_of(trace, name) for name in dict.fromkeys(names)]
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

    What a layer needs depends on a scheme's kind and group size only, so one scheme of each is looked at.
    """
    for scheme in {(scheme.kind, scheme.of): scheme for scheme in schemes}.values():
        names = chosen_layers(trace, layers)
        check_runs((trace.layer(name, scheme.name, images=slice(0, 1)) for name in names), machine)


def provenance(trace: TraceFile, machine: Machine, technology: Technology, engine: str) -> dict[str, Any]:
    """What is needed to run a simulation again and to know that it was the same."""
    return {
        "accelsim_version": __version__,
        "model_version": MODEL_VERSION,
        "engine": engine,
        "technology": {"name": technology.name, "sha256": technology.sha256},
        "machines": {machine.name: {"sha256": machine.sha256, "config": machine.model_dump(mode="json")}},
        "traces": {
            trace.network: {
                "file": Path(trace.path).name,
                "sha256": trace.sha256,
                "dataset": trace.dataset,
                "image_ids": list(trace.image_ids),
                "weights_sha256": trace.weights_sha256,
                "seeds": dict(trace.seeds),
                "tools": dict(trace.tools),
                "notes": trace.notes,
            }
        },
    }


def simulate(
    trace: TraceLike,
    machine: MachineLike,
    *,
    technology: TechnologyLike = DEFAULT_TECHNOLOGY,
    schemes: Sequence[str] | None = None,
    images: slice | None = None,
    layers: Sequence[str] | None = None,
    engine: str = ENGINES[0],
    progress: Progress | None = None,
) -> Results:
    """Run images of a trace on a machine.

    ``schemes``: names as in the trace, by default all that the machine can run. ``images``: a slice of the
    trace's images, by default all. ``layers``: names, by default the whole network; they always run in the
    order of execution. Each image is simulated by itself, layer after layer.

    Raises AccelsimError for anything in the input that is at fault.
    """
    trace, machine, technology = as_trace(trace), as_machine(machine), as_technology(technology)
    indices = chosen_images(trace, images)
    names = chosen_layers(trace, layers)
    chosen = chosen_schemes(trace, schemes, machine)
    check_clock(machine, technology)
    check_fits(trace, chosen, machine, names)
    results = Results(
        technology=technology,
        machines={machine.name: machine},
        provenance=provenance(trace, machine, technology, engine),
    )
    for scheme in chosen:
        for batch in image_batches(trace, names, indices):
            first, last = min(batch), max(batch)
            loaded = [trace.layer(name, scheme.name, images=slice(first, last + 1)) for name in names]
            here = range(batch.start - first, batch.stop - first, batch.step)
            for index, counts in zip(batch, run_images(loaded, machine, here, engine), strict=True):
                stop_if_pressed()
                results.rows += _rows(trace, machine, technology, scheme, index, loaded, counts)
                if progress is not None:
                    progress(f"{trace.network} {scheme.name} on {machine.name}")
    return results


def image_batches(trace: TraceFile, names: Sequence[str], indices: range) -> Iterator[range]:
    """Cut the images into runs whose masks and spikes are together in memory."""
    step_bytes = image_bytes(trace.layer_info(name).shape for name in names) * abs(indices.step)
    size = min(max(1, BATCH_BYTES // step_bytes), BATCH_IMAGES)
    return (indices[first : first + size] for first in range(0, len(indices), size))


def image_bytes(shapes: Iterable[LayerShape]) -> int:
    """Bytes of one image's masks and spikes, packed, of layers of these shapes."""
    return sum(
        shape.positions * (shape.mask_bytes + shape.spike_bytes * shape.has_spikes) for shape in shapes
    )


def _rows(
    trace: TraceFile,
    machine: Machine,
    technology: Technology,
    scheme: Scheme,
    index: int,
    layers: Iterable[LayerTrace],
    counts: Iterable[Counts],
) -> list[dict[str, Any]]:
    common = {
        "network": trace.network,
        "dataset": trace.dataset,
        "machine": machine.name,
        "scheme": scheme.name,
        "kind": scheme.kind,
        "noise": scheme.noise,
        "image_id": trace.image_ids[index],
    }
    return [
        common
        | layer_columns(layer)
        | cost_columns(count, machine, technology)
        | utilization_columns(count, machine)
        | count.as_dict()
        for layer, count in zip(layers, counts, strict=True)
    ]
