"""The code SRAM: the input map once more, as the INT4 codes that approximations multiply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelsim.components.component import Action, Charge, Component
from accelsim.components.sram import BankedSram, Memory
from accelsim.lengths import CODE_BITS, ceil_div

if TYPE_CHECKING:
    from accelsim.config import Machine
    from accelsim.mapping import Tile

_MEMORY = Memory("code_sram")


def section(machine: Machine) -> BankedSram:
    """Return the section of a machine that has a code SRAM."""
    assert machine.code_sram is not None
    return machine.code_sram


def window_codes(machine: Machine) -> int:
    """Return the codes that the code SRAM brings in a cycle."""
    return section(machine).banks * section(machine).width_bits // CODE_BITS


def code_fetch(tile: Tile, machine: Machine) -> tuple[int, int, int]:
    """Return what the codes of a position take: accesses of the code SRAM, its windows, lines of the patch buffer."""
    reads = ceil_div(CODE_BITS * tile.k, section(machine).width_bits)
    lines = ceil_div(CODE_BITS * tile.k, machine.patch_buffer.width_bits)
    return reads, ceil_div(reads, section(machine).banks), lines


class CodeSram(Component):
    """The code map of a layer: ``banks`` ports of ``width_bits``, which together bring one code window a cycle.

    It is written once for each layer, in the code pass (section 4), and read like the input SRAM, at whatever column a
    window begins. Energy: an access is one macro of ``macro_kib``, per port.
    """

    name = "code_sram"
    rtl = ("core.code_writer.CodeWriter", "core.rtl_chip.Chip")
    actions = (
        Action(
            "code_pass_cycles",
            53,
            "core cycles",
            "per layer: cores times the cycles of its code pass (forms `none` and `pixel`), else 0",
        ),
        Action(
            "code_sram_writes",
            54,
            "accesses",
            "in the code pass: below; 0 with form `patch`",
        ),
        Action(
            "code_sram_reads",
            55,
            "accesses",
            "q * ceil(4*k / Wy) in an approximated layer with form `none` or `pixel`, else 0",
            job="fetch",
        ),
    )
    parts = (_MEMORY.part(),)
    charges = (
        Charge(
            "code_sram_write",
            "sram",
            39,
            {"code_sram_writes": _MEMORY.write("code_sram_write")},
            "`code_sram_writes` x the macro's write energy",
        ),
        Charge(
            "code_sram_read",
            "sram",
            40,
            {"code_sram_reads": _MEMORY.read("code_sram_read")},
            "`code_sram_reads` x the macro's read energy",
        ),
    )
    delays = (_MEMORY.delay(),)

    def is_in(self, machine: Machine) -> bool:
        """Return whether the machine has a section ``code_sram``."""
        return machine.code_sram is not None
