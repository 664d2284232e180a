"""What a simulation counts: exact integers, no joules and no seconds.

The counts are the actions of the components (``accelsim/components/``), in the order of their columns; ``docs/machine.md``
(section "Counts") lists them. The reference engine, the compiled engine, the oracle and the RTL must agree on all of them.
"""

from __future__ import annotations

from dataclasses import field, make_dataclass
from functools import reduce
from typing import TYPE_CHECKING, TypeVar

from accelsim.components.component_registry import ACTION_NAMES, ACTIONS

COUNT_NAMES: tuple[str, ...] = ACTION_NAMES
"""Names of all counts in the order of their columns."""

Self = TypeVar("Self", bound="_Counted")


class _Counted:
    """What all counts can do, whichever there are."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __init__(self, *values: int, **counts: int) -> None: ...

        def __getattr__(self, name: str) -> int: ...

    def __add__(self: Self, other: Self) -> Self:
        return type(self)(*(getattr(self, name) + getattr(other, name) for name in COUNT_NAMES))

    def replaced(self: Self, **counts: int) -> Self:
        """Return the same counts, some of them replaced."""
        return type(self)(**(self.as_dict() | counts))

    def as_dict(self) -> dict[str, int]:
        """Return every count by name, in the order of the columns."""
        return {name: getattr(self, name) for name in COUNT_NAMES}

    @property
    def mvu_busy_cycles(self) -> int:
        """Core cycles in which a job held the MVU: issuing, stalled by a port, or in a bubble."""
        return (
            self.approximate_issue_cycles
            + self.approximate_port_stall_cycles
            + self.approximate_bubble_cycles
            + self.precise_issue_cycles
            + self.precise_port_stall_cycles
            + self.precise_bubble_cycles
        )

    @property
    def mvu_idle_cycles(self) -> int:
        """Core cycles in which no job held the MVU, barrier and DRAM waits included."""
        return (
            self.mvu_idle_input_cycles
            + self.mvu_idle_select_cycles
            + self.mvu_idle_drain_cycles
            + self.barrier_cycles
            + self.dram_cycles
        )


if TYPE_CHECKING:

    class Counts(_Counted):
        """Event and cycle counts of a stretch of work (a core's tile, a layer, an image), all exact ints.

        Counts of cores are added, so unit cycles are *core cycles*: ``core_cycles`` is cores x elapsed cycles, and each
        unit's busy and idle cycles add up to it. Every count is an attribute and a keyword argument, 0 by default.
        """

else:
    Counts = make_dataclass(
        "Counts",
        [(action.name, int, field(default=0)) for action in ACTIONS],
        bases=(_Counted,),
        namespace={
            "__doc__": "Event and cycle counts of a stretch of work, all exact ints.\n\n"
            + "\n".join(f"{action.name} ({action.unit}): {action.meaning}" for action in ACTIONS)
        },
        frozen=True,
        slots=True,
    )
    Counts.__module__ = __name__  # a pickle looks it up there


def total(counts: list[Counts]) -> Counts:
    """Return the sum of many counts; ``Counts()`` for none."""
    return reduce(Counts.__add__, counts, Counts())
