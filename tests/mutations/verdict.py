"""Whether a mutant is caught, and by what."""

from __future__ import annotations

from dataclasses import dataclass

from tests.engine.strategies import Case
from tests.mutations.cases import cases
from tests.mutations.mutant import Mutation, RunImage, mutant


@dataclass(frozen=True)
class Verdict:
    """``case``: the first in which the mutant does not give the oracle's counts, None if it survives all of them.

    ``number``: how many cases that took. ``evidence``: the first difference.
    """

    mutation: Mutation
    case: str | None
    number: int
    evidence: str


def judge(mutation: Mutation) -> Verdict:
    """Run the mutant until it differs from the oracle."""
    run = mutant(mutation)
    number = 0
    for number, (name, case, expected) in enumerate(cases(), 1):
        if evidence := difference(run, case, expected):
            return Verdict(mutation, name, number, evidence)
    return Verdict(mutation, None, number, "")


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
