"""Area and leakage of a machine, block by block (docs/energy.md, section "Area")."""

from __future__ import annotations

import math
from dataclasses import dataclass

from accelsim.components.component import AreaItem, AreaKind
from accelsim.components.component_registry import components_of
from accelsim.config.machine import Machine
from accelsim.config.technology import Technology

__all__ = ["AreaBreakdown", "AreaItem", "AreaKind", "area"]


@dataclass(frozen=True)
class AreaBreakdown:
    """Blocks of one core, and how many cores there are."""

    items: tuple[AreaItem, ...]
    cores: int

    @property
    def core_mm2(self) -> float:
        """Area of one core."""
        return math.fsum(item.mm2 for item in self.items)

    @property
    def total_mm2(self) -> float:
        """Area of all cores."""
        return self.cores * self.core_mm2

    def leakage_mw(self, kind: AreaKind | None = None) -> float:
        """Leakage of one core, of its logic or SRAM alone if `kind` says so."""
        return math.fsum(item.leakage_mw for item in self.items if kind in (None, item.kind))

    def as_dict(self) -> dict[str, float]:
        """Item name to mm2 of one core."""
        return {item.name: item.mm2 for item in self.items}


def area(machine: Machine, technology: Technology) -> AreaBreakdown:
    """Return the area of a machine in a technology, one item for each kind of block of its components.

    Raises AccelsimError if an SRAM is outside the technology's table.
    """
    items = (
        part.item(machine, technology)
        for component in components_of(machine)
        for part in component.parts
        if part.where(machine)
    )
    return AreaBreakdown(tuple(items), machine.cores)
