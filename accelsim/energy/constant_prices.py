"""Which part of a machine's prices each constant of the technology makes up.

A *constant* is what can be wrong by itself: the energy of an event, of an SRAM's access, leakage, DRAM. Several
terms may use one constant (a word multiplexer, say), and one term several.
"""

from __future__ import annotations

from accelsim.components.price import Constant, ConstantKind
from accelsim.config.machine import Machine
from accelsim.config.technology import Technology
from accelsim.energy.energy_terms import energy_terms

__all__ = ["Constant", "ConstantKind", "Prices", "constant_prices"]

Prices = dict[str, float]
"""Name of a count to pJ for each one counted."""


def constant_prices(machine: Machine, technology: Technology) -> dict[Constant, Prices]:
    """Return (name, kind) of each constant that prices something on `machine`, with its part of the prices.

    The parts of all constants add up to the prices that ``energy`` charges, up to rounding. Events have their name in
    the technology less ``_pj`` and come first, in its order; accesses of an SRAM that cost the same macro access are one
    constant, whichever mode reads.

    Raises AccelsimError if an SRAM is outside the technology's table.
    """
    events = [event.removesuffix("_pj") for event in type(technology.events).model_fields]
    parts: dict[Constant, Prices] = {(event, "logic"): {} for event in events}
    for term in energy_terms(machine, technology):
        for count, price in term.prices.items():
            for constant, pj in price.parts.items():
                if pj or constant[1] != "logic":
                    prices = parts.setdefault(constant, {})
                    prices[count] = prices.get(count, 0.0) + pj
    return {constant: prices for constant, prices in parts.items() if prices}
