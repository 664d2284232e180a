"""What a simulation counts: exact integers, no joules and no seconds.

The counts are the actions of the components (``accelsim/components/``), in the order of their columns; ``docs/machine.md``
(section "Counts") lists them. The reference engine, the compiled engine, the oracle and the RTL must agree on all of them.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Iterator
from functools import reduce
from operator import add
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

        def __iter__(self) -> Iterator[int]: ...

        @classmethod
        def _make(cls: type[Self], values: Iterable[int]) -> Self: ...

    @classmethod
    def of(cls: type[Self], values: Iterable[int]) -> Self:
        """Return the counts with these values, one for each name, in the order of the columns."""
        return cls._make(values)

    def __add__(self: Self, other: Self) -> Self:
        return self._make(map(add, self, other))

    def replaced(self: Self, **counts: int) -> Self:
        """Return the same counts, some of them replaced."""
        return type(self)(**(self.as_dict() | counts))

    def as_dict(self) -> dict[str, int]:
        """Return every count by name, in the order of the columns."""
        return dict(zip(COUNT_NAMES, self, strict=True))

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
        """Core cycles in which no job held the MVU, barrier, DRAM waits and code passes included."""
        return (
            self.mvu_idle_input_cycles
            + self.mvu_idle_select_cycles
            + self.mvu_idle_drain_cycles
            + self.barrier_cycles
            + self.dram_cycles
            + self.code_pass_cycles
        )


if TYPE_CHECKING:

    class Counts(_Counted):
        """Event and cycle counts of a stretch of work (a core's tile, a layer, an image), all exact ints.

        Counts of cores are added, so unit cycles are *core cycles*: ``core_cycles`` is cores x elapsed cycles, and each
        unit's busy and idle cycles add up to it. Every count is an attribute and a keyword argument, 0 by default.
        """

else:
    # A tuple underneath: one is made per layer and image, and a dataclass of as many fields takes twenty times as long.
    class Counts(_Counted, namedtuple("_CountsTuple", COUNT_NAMES, defaults=[0] * len(COUNT_NAMES))):
        __slots__ = ()

    Counts.__doc__ = "Event and cycle counts of a stretch of work, all exact ints.\n\n" + "\n".join(
        f"{action.name} ({action.unit}): {action.meaning}" for action in ACTIONS
    )


def total(counts: list[Counts]) -> Counts:
    """Return the sum of many counts; ``Counts()`` for none."""
    return reduce(Counts.__add__, counts, Counts())
