"""The output port: gathers finished words into lines and writes them into the output SRAM."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from accelsim.components.component import Action, Charge, Component, Delay, LogicPart
from accelsim.components.price import Price, Tariff
from accelsim.lengths import WORD_BITS, ceil_div

if TYPE_CHECKING:
    from accelsim.config import Machine, Technology
    from accelsim.mapping import Tile


def line_words(machine: Machine) -> int:
    """Return the neurons of an output line."""
    return machine.output_sram.width_bits // WORD_BITS


def port_words(machine: Machine) -> int:
    """Return the words that the port takes out of the result buffer in a cycle."""
    return machine.output_sram.banks * machine.output_sram.width_bits // WORD_BITS


def write_lines(tile: Tile, positions: int, machine: Machine) -> tuple[int, dict[str, int]]:
    """Return the cycles in which all outputs of a block are written, and the counts."""
    lines = positions * ceil_div(tile.rows, line_words(machine))
    cycles = ceil_div(lines, machine.output_sram.banks)
    return cycles, {"output_sram_writes": lines, "output_busy_cycles": cycles}


def _gather_price(machine: Machine, tariff: Tariff) -> Price:
    return machine.output_sram.width_bits / 16 * math.log2(machine.mvu.vpus) * tariff.event("word_mux2")


def _gather_ns(machine: Machine, technology: Technology) -> float:
    return math.ceil(math.log2(machine.mvu.vpus)) * technology.blocks.word_mux2.delay_ns


class OutputPort(Component):
    """Writes the lines of a block: those of z~ all, those of z that hold an essential neuron.

    Timing: ``output_sram.banks`` lines a cycle. A crossbar gathers the words of a line out of the VPUs' banks: log2(V)
    levels of multiplexers per word. Its control is in no area (docs/energy.md, "Not modelled").
    """

    name = "output_port"
    services = (("write_noise", write_lines), ("write", write_lines))
    rtl = ("core.rtl_output_port.OutputPort",)
    actions = (
        Action(
            "output_busy_cycles",
            28,
            "cycles",
            "the output port's service time",
            job="write",
            shared_by=("write_noise",),
        ),
    )
    parts = (
        LogicPart(
            "output_gather",
            "word_mux2",
            lambda machine: port_words(machine) * (machine.mvu.vpus - 1),
            "words of the output port x (V - 1)",
        ),
    )
    charges = (
        Charge(
            "output_gather",
            "compute",
            6,
            {"output_sram_writes": _gather_price},
            "`output_sram_writes` x Wo/16 x log2(V) x mux",
        ),
    )
    delays = (Delay("output_gather", _gather_ns),)
