"""Which energy is charged for which count: the charges of a machine's components (docs/energy.md, section "Energy")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from accelsim.components.component_registry import components_of, made_actions
from accelsim.components.price import GROUPS, Group, Price, Tariff
from accelsim.config.machine import Machine
from accelsim.config.technology import Technology
from accelsim.energy.area import area

__all__ = ["GROUPS", "EnergyTerm", "Group", "energy_terms"]


@dataclass(frozen=True)
class EnergyTerm:
    """One item of the energy.

    Attributes:
        name: Name of the item.
        group: Which of the groups of the energy it belongs to.
        pj_per_count: Names of `Counts` fields to pJ per unit of that count.
        prices: The same with the part of each constant of the technology.
    """

    name: str
    group: Group
    pj_per_count: tuple[tuple[str, float], ...]
    prices: Mapping[str, Price] = field(compare=False, repr=False, default_factory=dict)


@lru_cache(maxsize=256)
def energy_terms(machine: Machine, technology: Technology) -> tuple[EnergyTerm, ...]:
    """Return the items that this machine's counts are charged for, each linear in the counts.

    Raises AccelsimError if an SRAM is outside the technology's table.
    """
    breakdown = area(machine, technology)
    tariff = Tariff(technology, breakdown.leakage_mw("sram"), breakdown.leakage_mw("logic"))
    made = made_actions(machine)
    terms = []
    charges = (charge for component in components_of(machine) for charge in component.charges)
    for charge in sorted(charges, key=lambda charge: charge.place):
        prices = {name: price(machine, tariff) for name, price in charge.prices.items() if name in made}
        if prices:
            pj_per_count = tuple((name, price.pj) for name, price in prices.items())
            terms.append(EnergyTerm(charge.name, charge.group, pj_per_count, prices))
    return tuple(terms)
