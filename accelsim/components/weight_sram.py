"""The weight SRAM: a slice of it belongs to each VPU."""

from __future__ import annotations

from accelsim.components.component import Action, Charge, Component, multiplies_4bit, multiplies_8bit
from accelsim.components.sram import Memory

_MEMORY = Memory(
    "weight_sram", slice_kib=lambda machine, technology: machine.weight_sram.kib / machine.mvu.vpus
)

_READS = (
    "per pass K * w * (with `hold_weights`: the number of (v, r) with c(v, r) > 0; otherwise W(v) summed over VPUs), "
    "of {}"
)


class WeightSram(Component):
    """Weights of a core, divided equally among the VPUs; each slice has one port of ``width_bits``.

    Timing: a row's chunk takes w accesses, hidden behind the steps of the positions that need it where those are as many.
    Energy: a read is one macro of the slice's size, at most ``macro_kib``; it costs the same in either mode.
    Loading weights into it is the DRAM's business.
    """

    name = "weight_sram"
    rtl = ("core.rtl_chip.Chip",)
    actions = (
        Action(
            "weight_sram_reads_4bit",
            32,
            "accesses",
            _READS.format("approximate jobs and precise ones in 4 bits"),
            job="precise",
            shared_by=("approximate",),
            where=multiplies_4bit,
        ),
        Action(
            "weight_sram_reads_16bit",
            33,
            "accesses",
            _READS.format("precise jobs in 16 bits, and on spikes"),
            job="precise",
        ),
        Action(
            "weight_sram_reads_8bit",
            52,
            "accesses",
            _READS.format("precise jobs in 8 bits"),
            job="precise",
            where=multiplies_8bit,
        ),
    )
    parts = (
        _MEMORY.part("capacity / macro size (fractional) x macro area; a macro is no larger than a slice"),
    )
    charges = (
        Charge(
            "weight_sram_16bit",
            "sram",
            30,
            {"weight_sram_reads_16bit": _MEMORY.read("weight_sram")},
            "`weight_sram_reads_16bit` x the macro's read energy",
        ),
        Charge(
            "weight_sram_4bit",
            "sram",
            31,
            {"weight_sram_reads_4bit": _MEMORY.read("weight_sram")},
            "`weight_sram_reads_4bit` x the macro's read energy",
        ),
        Charge(
            "weight_sram_8bit",
            "sram",
            38,
            {"weight_sram_reads_8bit": _MEMORY.read("weight_sram")},
            "`weight_sram_reads_8bit` x the macro's read energy",
        ),
    )
    delays = (_MEMORY.delay(),)
