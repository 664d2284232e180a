"""What a trial of a search is worth: the costs of one machine over all that it was asked to run."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

from accelsim.schemes import BASELINE
from accelsim.store import Outcome
from accelsim.sweep import Space

Degree = tuple[str, str, float]
"""On what machines of different kinds can be compared: trace, images, and the share of neurons that are noise."""


class Pruned(Exception):
    """Why a combination is worth nothing; told to people."""


def degrees_of(space: Space) -> frozenset[Degree]:
    """All degrees that the space asks for."""
    names, schemes, images = ([str(value) for (value,) in each.values] for each in space.dimensions[-3:])
    return frozenset(
        (name, text, trace.scheme(scheme).noise)
        for name in names
        for trace in [space.traces[name]]
        for scheme in schemes
        if scheme in {each.name for each in (BASELINE, *trace.schemes)}
        for text in images
    )


def worth(
    outcomes: Iterable[tuple[Degree, Outcome]], wanted: frozenset[Degree], objectives: Sequence[str]
) -> tuple[float, ...]:
    """Each objective's geometric mean over degrees, of each degree over its schemes.

    Geometric, so that no degree counts for more because it takes longer. Raises `Pruned` if a simulation failed, or
    a degree of ``wanted`` was not run: a machine must not look good for having been asked less.
    """
    of_degree: dict[Degree, list[Outcome]] = defaultdict(list)
    for degree, outcome in outcomes:
        if outcome.error is not None:
            raise Pruned(outcome.error)
        of_degree[degree].append(outcome)
    if missing := wanted - set(of_degree):
        trace, _, noise = min(missing)
        raise Pruned(f"the machine can run no scheme of {trace} with {100 * noise:g} % noise")
    return tuple(
        _mean([_mean([outcome.costs[name] for outcome in of_degree[degree]]) for degree in sorted(of_degree)])
        for name in objectives
    )


def _mean(numbers: Sequence[float]) -> float:
    """Geometric."""
    if min(numbers) <= 0:  # some costs can be nothing: DRAM energy without DRAM
        return 0.0
    return math.exp(math.fsum(map(math.log, numbers)) / len(numbers))
