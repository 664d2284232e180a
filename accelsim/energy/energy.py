"""Counts x technology -> pJ."""

from __future__ import annotations

import math
from dataclasses import dataclass

from accelsim.components.component_registry import CHARGED_ACTION_NAMES
from accelsim.config.machine import Machine
from accelsim.config.technology import Technology
from accelsim.counts import Counts
from accelsim.energy.energy_terms import GROUPS, Group, energy_terms
from accelsim.errors import AccelsimError


@dataclass(frozen=True)
class EnergyItem:
    """One named part of the energy, in pJ."""

    name: str
    group: Group
    pj: float


@dataclass(frozen=True)
class EnergyBreakdown:
    """Energy of a stretch of work; the total is the exactly rounded sum of the items."""

    items: tuple[EnergyItem, ...]

    @property
    def total_pj(self) -> float:
        """Sum of all items."""
        return math.fsum(item.pj for item in self.items)

    def group_pj(self, group: Group) -> float:
        """Sum of one group's items."""
        return math.fsum(item.pj for item in self.items if item.group == group)

    def by_group_pj(self) -> dict[Group, float]:
        """Every group, in the order of `GROUPS`, to its pJ; 0.0 for an absent one."""
        return {group: self.group_pj(group) for group in GROUPS}

    def as_dict(self) -> dict[str, float]:
        """Item name to pJ."""
        return {item.name: item.pj for item in self.items}


def energy(counts: Counts, machine: Machine, technology: Technology) -> EnergyBreakdown:
    """Energy of the counted work on a machine. Linear in the counts: parts of a run add up to the run.

    Raises AccelsimError if something was counted that the machine has no hardware for, or if an SRAM is
    outside the technology's table.
    """
    terms = energy_terms(machine, technology)
    number = counts.as_dict()
    priced = {count for term in terms for count, _ in term.pj_per_count}
    for count, made in number.items():
        if made and count in CHARGED_ACTION_NAMES and count not in priced:
            raise AccelsimError(
                f"counts: {count} is {made}, but machine {machine.name} has no hardware for it"
            )
    return EnergyBreakdown(
        tuple(
            EnergyItem(
                term.name, term.group, math.fsum(number[count] * pj for count, pj in term.pj_per_count)
            )
            for term in terms
        )
    )
