"""`simulate`: run images of a trace on a machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.config import Machine, Technology
from accelsim.energy import check_clock
from accelsim.engine import ENGINES, run_images
from accelsim.image_batches import image_batches
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
from accelsim.results.result_rows import cost_columns, layer_columns, utilization_columns
from accelsim.results.run_results import Results
from accelsim.schemes import Scheme
from accelsim.selections import check_fits, chosen_images, chosen_layers, chosen_schemes
from accelsim.trace import TraceFile
from accelsim.version import MODEL_VERSION, __version__

if TYPE_CHECKING:
    from accelsim.counts import Counts
    from accelsim.trace import LayerTrace

Progress = Callable[[str], None]
"""Called with a short text after every simulated image."""


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
    names, chosen = check_run(trace, machine, technology, schemes, layers)
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


def check_run(
    trace: TraceFile,
    machine: Machine,
    technology: Technology,
    schemes: Sequence[str] | None = None,
    layers: Sequence[str] | None = None,
) -> tuple[list[str], list[Scheme]]:
    """Check whether a machine can run a trace, before any block of masks is read.

    Args:
        trace: The trace.
        machine: The machine.
        technology: What it is made in.
        schemes: Names of schemes; by default all that the machine can run.
        layers: Names of layers; by default all.

    Returns:
        The layers to run, in the order of execution, and the schemes.

    Raises:
        AccelsimError: If it cannot.
    """
    names = chosen_layers(trace, layers)
    chosen = chosen_schemes(trace, schemes, machine)
    check_clock(machine, technology)
    check_fits(trace, chosen, machine, names)
    return names, chosen


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
