"""Energy, area and clock of a machine in a technology."""

from accelsim.energy.area import AreaBreakdown, AreaItem, area
from accelsim.energy.clock import ClockLimit, check_clock, clock_limit
from accelsim.energy.energy import EnergyBreakdown, EnergyItem, energy
from accelsim.energy.energy_terms import GROUPS, EnergyTerm, Group, energy_terms
from accelsim.energy.iso_area import iso_area_vpus
from accelsim.energy.spread import Spread

__all__ = [
    "GROUPS",
    "AreaBreakdown",
    "AreaItem",
    "ClockLimit",
    "EnergyBreakdown",
    "EnergyItem",
    "EnergyTerm",
    "Group",
    "Spread",
    "area",
    "check_clock",
    "clock_limit",
    "energy",
    "energy_terms",
    "iso_area_vpus",
]
