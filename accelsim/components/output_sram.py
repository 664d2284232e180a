"""The output SRAM: the output map, and what spiking neurons keep."""

from __future__ import annotations

from accelsim.components.component import Action, Charge, Component
from accelsim.components.sram import Memory

_MEMORY = Memory("output_sram")


class OutputSram(Component):
    """The output map of a core by whole lines of ``width_bits``; ``banks`` lines a cycle, wherever they lie.

    With spiking neurons it also holds their potentials and noise levels. Energy: an access is one macro of ``macro_kib``.
    """

    name = "output_sram"
    rtl = ("core.rtl_chip.Chip",)
    actions = (
        Action(
            "output_sram_writes",
            36,
            "accesses",
            "the lines written, z~ and z; of spiking neurons section 13",
            job="write",
            shared_by=("write_noise",),
        ),
    )
    parts = (_MEMORY.part(),)
    charges = (
        Charge(
            "output_sram",
            "sram",
            32,
            {
                "output_sram_writes": _MEMORY.write("output_sram"),
                "membrane_reads": _MEMORY.read("output_sram"),
                "membrane_writes": _MEMORY.write("output_sram"),
            },
            "`output_sram_writes`, `membrane_writes` x the macro's write energy, `membrane_reads` x its read energy",
        ),
    )
    delays = (_MEMORY.delay(),)
