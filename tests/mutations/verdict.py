"""Whether a mutant is caught, and by what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from tests.engine.strategies import Case
from tests.mutations.cases import cases
from tests.mutations.mutant import Mutation, RunImage, mutant
from tests.mutations.recorded import recorded_cases


@dataclass(frozen=True)
class Catch:
    """The first case in which a mutant does not give the counts that it should.

    ``number``: how many cases it took, this one included. ``evidence``: the first difference.
    """

    case: str
    number: int
    evidence: str


@dataclass(frozen=True)
class Verdict:
    """What the oracle's counts catch, and what the RTL's do; None if the mutant survives all of them."""

    mutation: Mutation
    by_oracle: Catch | None
    by_rtl: Catch | None


@cache
def judge(mutation: Mutation) -> Verdict:
    """Run the mutant against both until it differs from each."""
    run = mutant(mutation)
    return Verdict(mutation, first_catch(run, cases()), first_catch(run, recorded_cases()))


def first_catch(run: RunImage, judged: Iterable[tuple[str, Case, list[dict[str, int]]]]) -> Catch | None:
    """The first of the cases in which an engine is wrong; none if it is right in all."""
    for number, (name, case, expected) in enumerate(judged, 1):
        if evidence := difference(run, case, expected):
            return Catch(name, number, evidence)
    return None


def difference(run: RunImage, case: Case, expected: list[dict[str, int]]) -> str:
    """The first count of the first layer that is not the expected one; empty if all are."""
    try:
        layers = [counts.as_dict() for counts in run(case.layers, case.machine, case.image)]
    except Exception as error:  # a mutant may fail in any way at all
        return f"{type(error).__name__}: {error}"
    if len(layers) != len(expected):
        return f"{len(layers)} layers instead of {len(expected)}"
    for counts, wanted in zip(layers, expected, strict=True):
        for name, count in wanted.items():
            if counts[name] != count:
                return f"{name} {counts[name]:,} instead of {count:,}"
    return ""
