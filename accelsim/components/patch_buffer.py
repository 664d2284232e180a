"""The patch buffer: operands of the blocks in flight."""

from __future__ import annotations

from accelsim.components.component import Action, Charge, Component
from accelsim.components.sram import Memory

_MEMORY = Memory("patch_buffer")


class PatchBuffer(Component):
    """Patches x and projections y of the blocks in flight, a slot per block; one read and one write port, a line each.

    Patches are skewed over the word columns: one access writes a line of one patch, and one access reads a line's worth of
    the same chunk across the patches of a block. Energy: a read or write is one macro of ``macro_kib``.
    """

    name = "patch_buffer"
    rtl = ("core.patch_writer.PatchWriter", "core.patch_reader.PatchReader", "core.rtl_chip.Chip")
    actions = (
        Action(
            "patch_buffer_writes",
            30,
            "accesses",
            "lines: q * lx, plus q * ly if it projects or fetches codes (a line that several cycles fill counts once)",
            job="fetch",
        ),
        Action(
            "patch_buffer_reads",
            31,
            "accesses",
            "per pass K * X, both kinds of job",
            job="precise",
            shared_by=("approximate",),
        ),
    )
    parts = (_MEMORY.part(),)
    charges = (
        Charge(
            "patch_buffer_write",
            "sram",
            26,
            {"patch_buffer_writes": _MEMORY.write("patch_buffer_write")},
            "`patch_buffer_writes` x the macro's write energy",
        ),
        Charge(
            "patch_buffer_read",
            "sram",
            27,
            {"patch_buffer_reads": _MEMORY.read("patch_buffer_read")},
            "`patch_buffer_reads` x the macro's read energy",
        ),
    )
    delays = (_MEMORY.delay(),)
