"""How many VPUs fit into the area of another machine."""

from __future__ import annotations

import math

from accelsim.config.machine import Machine
from accelsim.config.technology import Technology
from accelsim.energy.area import area
from accelsim.errors import AccelsimError

MAX_VPUS = 4096


def iso_area_vpus(machine: Machine, reference: Machine, technology: Technology) -> int:
    """Largest `vpus` with which `machine` is no larger than `reference`, all its other sizes as they are.

    The weight SRAM keeps its capacity, so its slices shrink as VPUs are added.
    Raises AccelsimError if not even one VPU fits, or if an SRAM is outside the technology's table.
    """
    budget_mm2 = area(reference, technology).total_mm2
    multiplier_mm2 = machine.cores * machine.mvu.lanes * technology.blocks.multiplier.area_um2 * 1e-6
    smallest_slice_kib = technology.sram.macro_range_kib(machine.weight_sram.width_bits)[0]
    most = min(
        MAX_VPUS,
        math.floor(budget_mm2 / multiplier_mm2),
        math.floor(machine.weight_sram.kib / smallest_slice_kib),
    )
    # From the top: area need not rise with every VPU, as SRAM density varies with the slice.
    for vpus in range(most, 0, -1):
        if area(machine.resized(vpus=vpus), technology).total_mm2 <= budget_mm2:
            return vpus
    raise AccelsimError(
        f"machine {machine.name}: not even one VPU fits into the {budget_mm2:.4g} mm2 of {reference.name}"
    )
