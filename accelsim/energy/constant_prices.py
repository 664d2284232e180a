"""Which part of a machine's prices each constant of the technology makes up.

A *constant* is what can be wrong by itself: the energy of an event, of an SRAM's access, leakage, DRAM. Several
terms may use one constant (a word multiplexer, say), and one term several.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from accelsim.config.machine import Machine
from accelsim.config.technology import Technology
from accelsim.energy.terms import EnergyTerm, energy_terms

ConstantKind = Literal["logic", "sram", "dram", "leakage"]

Prices = dict[str, float]
"""Name of a count to pJ for each one counted."""


def constant_prices(machine: Machine, technology: Technology) -> dict[tuple[str, ConstantKind], Prices]:
    """(Name, kind) of each constant that prices something on ``machine``, to its part of the prices.

    The parts of all constants add up to the prices that ``energy`` charges, up to rounding. Events have their name in
    the technology less ``_pj``; accesses of an SRAM that cost the same macro access are one constant, whichever mode reads.

    Raises AccelsimError if an SRAM is outside the technology's table.
    """
    terms = energy_terms(machine, technology)
    parts: dict[tuple[str, ConstantKind], Prices] = {}
    for event in type(technology.events).model_fields:
        # Prices are linear in the events, so what doubling an event adds is that event's part. Derived, not
        # written down again beside the terms: it cannot disagree with them.
        doubled = energy_terms(machine, _with_doubled(technology, event))
        part = {
            count: sum(_difference(new, old, count) for new, old in zip(doubled, terms, strict=True))
            for count in _counts(terms)
        }
        if used := {count: pj for count, pj in part.items() if pj}:
            parts[event.removesuffix("_pj"), "logic"] = used
    for term in terms:
        if term.group in ("sram", "dram", "leakage"):
            name = term.name.removesuffix("_16bit").removesuffix("_4bit")
            prices = parts.setdefault((name, term.group), {})
            for count, pj in term.pj_per_count:
                prices[count] = prices.get(count, 0.0) + pj
    return parts


def _with_doubled(technology: Technology, event: str) -> Technology:
    figure = getattr(technology.events, event)
    doubled = figure.model_copy(update={"value": 2 * figure.value})
    # Terms are cached by the technology's digest.
    return replace(
        technology,
        sha256=f"{technology.sha256}, {event} doubled",
        events=technology.events.model_copy(update={event: doubled}),
    )


def _counts(terms: tuple[EnergyTerm, ...]) -> list[str]:
    return list(dict.fromkeys(count for term in terms for count, _ in term.pj_per_count))


def _difference(new: EnergyTerm, old: EnergyTerm, count: str) -> float:
    return dict(new.pj_per_count).get(count, 0.0) - dict(old.pj_per_count).get(count, 0.0)
