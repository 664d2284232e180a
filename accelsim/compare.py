"""Compare schemes across machines of the same area, each scheme on the machine that is made for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accelsim.config import Machine, Technology
from accelsim.default_machines import default_machines
from accelsim.energy import check_clock, iso_area_vpus
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
from accelsim.mapping import why_not
from accelsim.results.run_results import Results
from accelsim.schemes import BASELINE
from accelsim.selections import check_fits, chosen_images
from accelsim.simulate import Progress, simulate
from accelsim.trace import TraceFile

FIRST_THRESHOLD = "first-threshold"
"""``iso_area_with``: the first machine with a threshold selector gives the area; without one, none is resized. Machines
that were not named are taken as they are shipped, which is at one area."""


@dataclass(frozen=True)
class Plan:
    """What a comparison runs: (scheme, machine) pairs, dense first.

    ``given_vpus``: what the machines' files say, by name; ``left_out``: schemes that fit no machine.
    """

    runs: tuple[tuple[str, Machine], ...]
    given_vpus: dict[str, int]
    left_out: tuple[str, ...]

    def steps(self, trace: TraceFile, images: slice | None) -> int:
        """Simulated images in all."""
        return len(self.runs) * len(chosen_images(trace, images))


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


def _area_reference(machines: Sequence[Machine], iso_area_with: str | None) -> Machine | None:
    if iso_area_with is None:
        return None
    if iso_area_with == FIRST_THRESHOLD:
        return next((each for each in machines if each.selector and each.selector.kind == "threshold"), None)
    named = next((each for each in machines if each.name == iso_area_with), None)
    if named is None:
        shown = ", ".join(machine.name for machine in machines)
        raise AccelsimError(
            f"iso-area: no machine {iso_area_with!r} among {shown}; name one of them, or none"
        )
    return named


def plan_comparison(
    trace: TraceFile,
    machines: Sequence[MachineLike] | None = None,
    *,
    technology: Technology,
    schemes: Sequence[str] | None = None,
    iso_area_with: str | None = FIRST_THRESHOLD,
) -> Plan:
    """Decide what runs where; raises what ``compare`` raises, before anything has been simulated."""
    if machines is None and iso_area_with == FIRST_THRESHOLD:
        iso_area_with = None
    loaded = [as_machine(machine) for machine in (default_machines(trace) if machines is None else machines)]
    if not loaded:
        raise AccelsimError("machines: none given")
    if len({machine.name for machine in loaded}) != len(loaded):
        raise AccelsimError("machines: two of them have the same name; change `name:` in one")
    given = {machine.name: machine.mvu.vpus for machine in loaded}
    reference = _area_reference(loaded, iso_area_with)
    for machine in loaded:
        check_clock(machine, technology)
    if reference is not None:
        loaded = same_area(loaded, reference, technology)
    baseline = next((machine for machine in loaded if machine.dense_only), loaded[0])
    wanted = list(trace.schemes) if schemes is None else [trace.scheme(name) for name in schemes]
    runs, left_out = [(BASELINE.name, baseline)], []
    for scheme in wanted:
        if scheme == BASELINE:
            continue
        fitting = [machine for machine in loaded if why_not(scheme, machine) is None]
        if not fitting and schemes is not None:
            reasons = "; ".join(str(why_not(scheme, machine)) for machine in loaded)
            raise AccelsimError(f"{trace.path}: scheme {scheme.name} fits none of the machines: {reasons}")
        if not fitting:
            left_out.append(scheme.name)
        runs += [(scheme.name, machine) for machine in fitting]
    for machine in loaded:
        check_fits(trace, [trace.scheme(name) for name, other in runs if other == machine], machine)
    return Plan(tuple(dict.fromkeys(runs)), given, tuple(left_out))


def compare(
    trace: TraceLike,
    machines: Sequence[MachineLike] | None = None,
    *,
    technology: TechnologyLike = DEFAULT_TECHNOLOGY,
    schemes: Sequence[str] | None = None,
    images: slice | None = None,
    iso_area_with: str | None = FIRST_THRESHOLD,
    engine: str = ENGINES[0],
    progress: Progress | None = None,
) -> Results:
    """Run every scheme of the trace on every machine that can run it.

    ``machines``: by default the bundled ones that make the trace's form of projection, as they are shipped, at one area.
    The dense scheme, the baseline, always runs: on the first dense-only machine, or on the first one if none is.
    ``iso_area_with`` names the machine whose area all others are sized to (by default the first with a
    threshold selector); None takes them as they are. ``schemes`` narrows the schemes; without it, schemes that
    fit no machine are left out, and named in ``provenance["left_out"]``.

    Raises AccelsimError, before anything is simulated, if a named scheme fits no machine, two machines share a
    name, the technology does not meet a machine's clock, or a layer does not fit a machine's SRAMs.
    """
    trace, technology = as_trace(trace), as_technology(technology)
    plan = plan_comparison(
        trace, machines, technology=technology, schemes=schemes, iso_area_with=iso_area_with
    )
    results = Results(technology=technology)
    for scheme, machine in plan.runs:
        results.extend(
            simulate(
                trace,
                machine,
                technology=technology,
                schemes=[scheme],
                images=images,
                engine=engine,
                progress=progress,
            )
        )
    results.provenance["given_vpus"] = plan.given_vpus
    results.provenance["left_out"] = list(plan.left_out)
    return results
