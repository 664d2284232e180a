"""The result buffer: outputs of the blocks in flight, a bank for each VPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import field_validator

from accelsim.components.component import Action, Charge, Component
from accelsim.components.sram import Memory, Sram

if TYPE_CHECKING:
    from accelsim.config import Machine, Technology


class ResultBuffer(Sram):
    """Outputs of the blocks in flight, one bank for each VPU; its columns are single words."""

    @field_validator("width_bits")
    @classmethod
    def _is_one_word(cls, value: int) -> int:
        if value != 16:
            raise ValueError(
                f"{value} bits; the result buffer is read and written one word of 16 bits at a time"
            )
        return value


def bank_kib(machine: Machine, technology: Technology) -> float:
    """Return the KiB of one VPU's bank; one below the technology's smallest macro is built as that."""
    least = technology.sram.macro_range_kib(machine.result_buffer.width_bits)[0]
    return max(machine.result_buffer.kib / machine.mvu.vpus, least)


def _built_kib(machine: Machine, technology: Technology) -> float:
    # Banks that are built larger than their share of the capacity take their own area.
    return max(machine.result_buffer.kib, machine.mvu.vpus * bank_kib(machine, technology))


_MEMORY = Memory("result_buffer", bank_kib, _built_kib)


class ResultBank(Component):
    """Outputs z~ and z of the blocks in flight: a bank per VPU, which writes only its own rows, a word a cycle.

    Output port and selector read as many words a cycle as they take. It is priced as one macro with one port per VPU
    (docs/energy.md, "Not modelled"). Energy: a read or write is one macro of the bank's size, at most ``macro_kib``.
    """

    name = "result_buffer"
    rtl = ("core.rtl_chip.Chip",)
    actions = (
        Action(
            "result_buffer_writes",
            34,
            "words",
            "every output of the tile once (q * n_tile), and in an approximated layer the essential neurons again",
            job="precise",
            shared_by=("approximate",),
        ),
        Action(
            "result_buffer_reads",
            35,
            "words",
            "q * n_tile for write z~, or write z of a dense layer; in an approximated layer also q * n_tile for the "
            "selector, if it has masks, and the essential neurons for write z",
            job="write",
            shared_by=("select", "write_noise"),  # z~ is read once for each of the two
        ),
    )
    parts = (_MEMORY.part("V banks: capacity / macro size (fractional) x macro area"),)
    charges = (
        Charge(
            "result_buffer_write",
            "sram",
            28,
            {"result_buffer_writes": _MEMORY.write("result_buffer_write")},
            "`result_buffer_writes` x the macro's write energy",
        ),
        Charge(
            "result_buffer_read",
            "sram",
            29,
            {"result_buffer_reads": _MEMORY.read("result_buffer_read")},
            "`result_buffer_reads` x the macro's read energy",
        ),
    )
    delays = (_MEMORY.delay(),)
