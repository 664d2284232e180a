"""Compare schemes across machines of the same area, each scheme on the machine that is made for it."""

from __future__ import annotations

from collections.abc import Sequence

from accelsim.config import Machine, Technology
from accelsim.energy import iso_area_vpus
from accelsim.engine import ENGINES
from accelsim.errors import AccelsimError
from accelsim.inputs import (
    DEFAULT_TECHNOLOGY,
    MachineLike,
    TechnologyLike,
    TraceLike,
    as_machine,
    as_technology,
    as_trace,
)
from accelsim.results.results import Results
from accelsim.simulate import Progress, runs_on, simulate

DEFAULT_MACHINES = ("dense", "unstructured", "structured")


def same_area(machines: Sequence[Machine], reference: Machine, technology: Technology) -> list[Machine]:
    """The machines with as many VPUs as fit into the area of ``reference`` (iso-area).

    Everything else of a machine, its SRAM capacities too, stays as it is.
    """
    return [
        machine
        if machine == reference
        else machine.resized(vpus=iso_area_vpus(machine, reference, technology))
        for machine in machines
    ]


def compare(
    trace: TraceLike,
    machines: Sequence[MachineLike] = DEFAULT_MACHINES,
    *,
    technology: TechnologyLike = DEFAULT_TECHNOLOGY,
    schemes: Sequence[str] | None = None,
    images: slice | None = None,
    iso_area_with: str | None = "unstructured",
    engine: str = ENGINES[0],
    progress: Progress | None = None,
) -> Results:
    """Run every scheme of the trace on every machine whose selector fits it.

    The dense scheme runs on the dense-only machine (on the first one, if none is). ``iso_area_with`` names
    the machine whose area all others are sized to; None takes them as they are. ``schemes`` narrows the
    schemes; dense is always run, as the baseline.

    Raises AccelsimError if a scheme fits no machine, two machines share a name, or the trace has no dense
    scheme.
    """
    trace, technology = as_trace(trace), as_technology(technology)
    loaded = [as_machine(machine) for machine in machines]
    by_name = {machine.name: machine for machine in loaded}
    if len(by_name) != len(loaded):
        raise AccelsimError("machines: two of them have the same name; rename one")
    if iso_area_with is not None:
        if iso_area_with not in by_name:
            raise AccelsimError(f"iso-area: no machine {iso_area_with!r} among {', '.join(by_name)}")
        loaded = same_area(loaded, by_name[iso_area_with], technology)
    baseline = next((machine for machine in loaded if machine.dense_only), loaded[0])

    wanted = [scheme for scheme in trace.schemes if schemes is None or scheme.name in schemes]
    for name in schemes or ():
        if name not in {scheme.name for scheme in trace.schemes}:
            raise AccelsimError(f"{trace.path}: no scheme {name!r}; see accelsim inspect {trace.path}")
    if "dense" not in {scheme.name for scheme in trace.schemes}:
        raise AccelsimError(f"{trace.path}: has no dense scheme to compare with")

    results = simulate(
        trace,
        baseline,
        technology=technology,
        schemes=["dense"],
        images=images,
        engine=engine,
        progress=progress,
    )
    for scheme in wanted:
        if scheme.kind == "dense":
            continue
        fitting = [machine for machine in loaded if runs_on(scheme, machine)]
        if not fitting:
            raise AccelsimError(f"{trace.path}: scheme {scheme.name} fits none of {', '.join(by_name)}")
        for machine in fitting:
            results.extend(
                simulate(
                    trace,
                    machine,
                    technology=technology,
                    schemes=[scheme.name],
                    images=images,
                    engine=engine,
                    progress=progress,
                )
            )
    return results
