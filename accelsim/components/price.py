"""Prices in pJ that know which constants of the technology they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from accelsim.config import Machine, Technology

Group = Literal["compute", "sram", "registers", "dram", "leakage"]
GROUPS: tuple[Group, ...] = ("compute", "sram", "registers", "dram", "leakage")
"""What an item of the energy belongs to."""

ConstantKind = Literal["logic", "sram", "dram", "leakage"]
Constant = tuple[str, ConstantKind]
"""A constant that can be wrong by itself: the energy of an event, of an SRAM's access, of leakage, of DRAM."""


@dataclass(frozen=True, slots=True)
class Price:
    """What one of a count costs.

    Prices are linear in the constants: sums and multiples of prices keep the part of each constant.

    Attributes:
        pj: The price, pJ.
        parts: The part of it, pJ, that each constant makes up; they add up to `pj`, up to rounding.
    """

    pj: float
    parts: Mapping[Constant, float]

    @classmethod
    def of(cls, name: str, kind: ConstantKind, pj: float) -> Price:
        """Return the price that is one constant."""
        return cls(pj, {(name, kind): pj})

    def __add__(self, other: Price) -> Price:
        names = dict.fromkeys([*self.parts, *other.parts])
        parts = {name: self.parts.get(name, 0.0) + other.parts.get(name, 0.0) for name in names}
        return Price(self.pj + other.pj, parts)

    def __mul__(self, times: float) -> Price:
        return Price(times * self.pj, {name: times * part for name, part in self.parts.items()})

    __rmul__ = __mul__

    def __truediv__(self, by: float) -> Price:
        return Price(self.pj / by, {name: part / by for name, part in self.parts.items()})


@dataclass(frozen=True)
class Tariff:
    """What the charges of components may be made of.

    Attributes:
        technology: Constants of events and macros.
        sram_leakage_mw: Leakage of the memories of one core, mW.
        logic_leakage_mw: Leakage of the logic of one core, mW.
    """

    technology: Technology
    sram_leakage_mw: float
    logic_leakage_mw: float

    def event(self, name: str) -> Price:
        """Return the price of an event of the technology; `name` without its ``_pj``."""
        return Price.of(name, "logic", getattr(self.technology.events, f"{name}_pj").value)

    def leakage(self, name: str, leakage_mw: float, machine: Machine) -> Price:
        """Return the price of leaking `leakage_mw` in one core for one cycle."""
        # mW x us = nJ; a core cycle is 1 / clock_mhz us of one core's leakage.
        return Price.of(name, "leakage", leakage_mw * (1000.0 / machine.clock_mhz))
