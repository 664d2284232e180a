"""What a component declares: actions that are counted, blocks that its area is made of, charges, delays, its RTL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from accelsim.components.price import Group, Price, Tariff

if TYPE_CHECKING:
    from accelsim.config import Machine, Technology
    from accelsim.mapping import Tile

Job = Literal["fetch", "approximate", "select", "write_noise", "precise", "write"]
"""The jobs of a block (docs/machine.md, section 5)."""

JOBS: tuple[Job, ...] = ("fetch", "approximate", "select", "write_noise", "precise", "write")

AreaKind = Literal["logic", "sram"]

Condition = Callable[["Machine"], bool]

PriceOf = Callable[["Machine", Tariff], Price]
"""What one of a count costs on a machine."""

Latency = Annotated[int, Field(ge=0, le=1000)]
"""Cycles of a fixed latency, as a field of a machine's section."""


def on_every_machine(machine: Machine) -> bool:
    """Return True: what is declared needs no option of the machine."""
    return True


def approximates(machine: Machine) -> bool:
    """Return whether the machine has the hardware of approximate work."""
    return not machine.dense_only


def multiplies_8bit(machine: Machine) -> bool:
    """Return whether precise work may be done in 8 bits."""
    return 8 in machine.mvu.precise_bits


def multiplies_4bit(machine: Machine) -> bool:
    """Return whether anything is computed in 4 bits: approximations, or precise work."""
    return approximates(machine) or 4 in machine.mvu.precise_bits


@dataclass(frozen=True)
class Action:
    """Something that a component does and that the engines and the RTL count, as exact integers.

    Attributes:
        name: Name of the count, in ``Counts``, results and databases.
        column: Place among the counts, from 0. It never changes: results and databases keep their columns. A new
            action takes the next free number.
        unit: What one of it is: ``cycles``, ``words``, ``accesses``...
        meaning: How it is counted, per block unless it says otherwise; a cell of docs/machine.md, section 7.
        job: The job of a block that makes it; None for what belongs to the schedule and not to a block.
        shared_by: Jobs that make, in equal shares, the part that all masks have in common; `job` makes the rest.
        where: Whether a machine that has the component makes it.
        in_rtl: Whether the RTL's core has a counter for it, if the component stands in the RTL at all.
    """

    name: str
    column: int
    unit: str
    meaning: str
    job: Job | None = None
    shared_by: tuple[Job, ...] = ()
    where: Condition = on_every_machine
    in_rtl: bool = True


Service = Callable[["Tile", int, "Machine"], tuple[int, dict[str, int]]]
"""Service cycles and counts of a job on a block of so many positions of a tile, where they are the same for all masks."""


@dataclass(frozen=True)
class AreaItem:
    """One kind of block in one core: `count` of `unit`, a key of the technology's blocks or an SRAM macro's size."""

    name: str
    kind: AreaKind
    mm2: float
    leakage_mw: float
    count: float
    unit: str


@dataclass(frozen=True)
class LogicPart:
    """Blocks of one kind in a core.

    Attributes:
        name: Name of the area item.
        block: Key of the technology's ``blocks``.
        count: How many blocks of it one core has.
        formula: The same in words, for docs/energy.md.
        where: Whether a machine that has the component has the part.
    """

    name: str
    block: str
    count: Callable[[Machine], float]
    formula: str
    where: Condition = on_every_machine

    def item(self, machine: Machine, technology: Technology) -> AreaItem:
        """Return the part's area and leakage on a machine."""
        block, count = getattr(technology.blocks, self.block), self.count(machine)
        return AreaItem(
            self.name,
            "logic",
            count * block.area_um2 * 1e-6,
            count * block.leakage_uw * 1e-3,
            count,
            self.block,
        )


@dataclass(frozen=True)
class MemoryPart:
    """The macros of one SRAM in a core.

    Attributes:
        name: Name of the area item.
        make: The item on a machine, in a technology. Raises AccelsimError if the technology's table has no such macro.
        formula: What it is made of in words, for docs/energy.md.
    """

    name: str
    make: Callable[[Machine, Technology], AreaItem]
    formula: str
    where: Condition = on_every_machine

    def item(self, machine: Machine, technology: Technology) -> AreaItem:
        """Return the memory's area and leakage on a machine."""
        return self.make(machine, technology)


@dataclass(frozen=True)
class Charge:
    """One item of the energy.

    Attributes:
        name: Name of the energy item.
        group: Which of the five groups of the energy it belongs to.
        place: Place among the items, from 0; it never changes. A new charge takes the next free number.
        prices: The counts that are charged, each with what one of it costs. A count that the machine does not make
            (see `Action.where`) is left out, and so is a charge without any.
        formula: The charge in words, for docs/energy.md.
    """

    name: str
    group: Group
    place: int
    prices: Mapping[str, PriceOf]
    formula: str


def event_price(event: str) -> PriceOf:
    """Return the price of one event of the technology, the same on all machines."""
    return lambda machine, tariff: tariff.event(event)


@dataclass(frozen=True)
class Delay:
    """A block or macro that bounds the clock: the shortest period, in ns, that it allows.

    `where`: whether a machine that has the component has the path.
    """

    name: str
    period_ns: Callable[[Machine, Technology], float]
    where: Condition = on_every_machine


def delay_of(name: str, block: str, where: Condition = on_every_machine) -> Delay:
    """Return the delay of one of the technology's blocks."""

    def period_ns(machine: Machine, technology: Technology) -> float:
        delay_ns: float = getattr(technology.blocks, block).delay_ns
        return delay_ns

    return Delay(name, period_ns, where)


class Component:
    """A hardware unit. A subclass declares what it has; its docstring is the unit's data sheet.

    Attributes:
        name: Name of the unit, as messages and tables show it.
        services: Jobs of a block that it serves, with their service times. Times that depend on masks are computed in
            ``accelsim.mapping``, from the same sizes.
        rtl: Classes below ``accelsim.rtl`` that are the unit in hardware, ``core.scheduler.Scheduler``; none if the
            RTL does not have it.
        actions: What it does and is counted.
        parts: What its area is made of; none if the area model leaves it out (docs/energy.md, "Not modelled").
        charges: What its actions cost.
        delays: Which of its blocks bound the clock.
    """

    name: ClassVar[str]
    services: ClassVar[tuple[tuple[Job, Service], ...]] = ()
    rtl: ClassVar[tuple[str, ...]] = ()
    actions: ClassVar[tuple[Action, ...]] = ()
    parts: ClassVar[tuple[LogicPart | MemoryPart, ...]] = ()
    charges: ClassVar[tuple[Charge, ...]] = ()
    delays: ClassVar[tuple[Delay, ...]] = ()

    def is_in(self, machine: Machine) -> bool:
        """Return whether the machine has the unit."""
        return True

    def per_written_word(self, machine: Machine) -> Mapping[str, int]:
        """Return what the unit counts, by name, for each 16-bit word that the output port writes.

        Both engines add it for every word, so that a unit at the port needs no line in them.
        """
        return {}
