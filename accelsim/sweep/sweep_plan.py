"""What a sweep consists of: every point once, in order, and how many combinations are none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from accelsim.errors import AccelsimError
from accelsim.interrupt import stop_if_pressed
from accelsim.store import Point, Subject, Unbuildable
from accelsim.sweep.space import LeftOut, Space


@dataclass
class Plan:
    """The points of a sweep by identity, in the order of the file, with their labels.

    left_out: combinations that are no points, by reason; ``same`` counts those that equal an earlier one.
    """

    subjects: dict[str, Subject] = field(default_factory=dict)
    labels: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def unbuildable(self) -> list[Unbuildable]:
        """Those whose machine cannot be built."""
        return [subject for subject in self.subjects.values() if isinstance(subject, Unbuildable)]


def plan_sweep(space: Space, progress: Callable[[int], None] | None = None) -> Plan:
    """Resolve every combination; ``progress`` is called with how many have been.

    Raises AccelsimError if there are too many, if nothing is left, or if no machine at all can be built.
    """
    plan = Plan()
    for number, choice in enumerate(space.choices()):
        found = space.at(choice)
        stop_if_pressed()
        if isinstance(found, LeftOut):
            plan.left_out[found.why] += 1
        elif found.id in plan.subjects:
            plan.left_out["same"] += 1
        else:
            plan.subjects[found.id] = found
            plan.labels[found.id] = space.labels(choice)
        if progress is not None:
            progress(number + 1)
    label = space.spec.source.label
    if not plan.subjects:
        reasons = {
            "where": "`where` leaves out {}",
            "scheme": "{} have a scheme that the machine cannot run or the trace has not",
        }
        said = "; ".join(reasons[why].format(count) for why, count in plan.left_out.items())
        raise AccelsimError(f"{label}: no points: of {space.combinations} combinations {said}")
    if not any(isinstance(subject, Point) for subject in plan.subjects.values()):
        raise AccelsimError(f"{label}: no machine can be built; the first: {plan.unbuildable[0].error}")
    return plan
