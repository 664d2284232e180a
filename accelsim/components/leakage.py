"""Leakage: what the whole core costs in every cycle."""

from __future__ import annotations

from accelsim.components.component import Charge, Component


class Leakage(Component):
    """What all blocks and macros of a core leak, at rest or not. It is charged per core cycle, by the core's area items.

    Idle units are clock-gated and only leak; nothing is switched off.
    """

    name = "leakage"
    charges = (
        Charge(
            "sram_leakage",
            "leakage",
            34,
            {
                "core_cycles": lambda machine, tariff: tariff.leakage(
                    "sram_leakage", tariff.sram_leakage_mw, machine
                )
            },
            "leakage of one core's memories x `core_cycles` / clock",
        ),
        Charge(
            "logic_leakage",
            "leakage",
            35,
            {
                "core_cycles": lambda machine, tariff: tariff.leakage(
                    "logic_leakage", tariff.logic_leakage_mw, machine
                )
            },
            "leakage of one core's logic x `core_cycles` / clock",
        ),
    )
