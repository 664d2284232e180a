"""The input SRAM: the input map, read a window at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelsim.components.component import Action, Charge, Component
from accelsim.components.sram import Memory
from accelsim.lengths import WORD_BITS

if TYPE_CHECKING:
    from accelsim.config import Machine

_MEMORY = Memory("input_sram")


def window_words(machine: Machine) -> int:
    """Return the words that the input SRAM brings in a cycle, and a lane of the projection unit adds up."""
    return machine.input_sram.banks * machine.input_sram.width_bits // WORD_BITS


class InputSram(Component):
    """The input map of a core: ``banks`` ports of ``width_bits``, which together bring one window a cycle.

    Every word column has an address of its own, so that a window comes in one access wherever it begins.
    Energy: a read is one macro of ``macro_kib``, per port.
    """

    name = "input_sram"
    rtl = ("core.rtl_chip.Chip",)
    actions = (
        Action(
            "input_sram_reads",
            29,
            "accesses",
            "q * ceil(e*d / Wi), times ceil(k / lanes) where it projects; 0 where x is not fetched. In the code pass: below",
            job="fetch",
        ),
    )
    parts = (_MEMORY.part(),)
    charges = (
        Charge(
            "input_sram",
            "sram",
            25,
            {"input_sram_reads": _MEMORY.read("input_sram")},
            "`input_sram_reads` x the macro's read energy",
        ),
    )
    delays = (_MEMORY.delay(),)
