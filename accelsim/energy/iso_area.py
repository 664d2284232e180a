"""How many VPUs fit into the area of another machine."""

from __future__ import annotations

import math

from accelsim.config.machine import Machine
from accelsim.config.technology import Technology
from accelsim.energy.area import area
from accelsim.errors import AccelsimError

MAX_VPUS = 4096


def iso_area_vpus(machine: Machine, reference: Machine, technology: Technology, share: float = 1.0) -> int:
    """Largest `vpus` with which `machine` is no larger than `share` of `reference`, all its other sizes as they are.

    The weight SRAM keeps its capacity, so its slices shrink as VPUs are added.
    Raises AccelsimError if not even one VPU fits, or if an SRAM is outside the technology's table.
    """
    budget_mm2 = share * area(reference, technology).total_mm2
    # From the top: area need not rise with every VPU, as SRAM density varies with the slice.
    for vpus in range(_most_vpus(machine, budget_mm2, technology), 0, -1):
        if area(_with(machine, vpus), technology).total_mm2 <= budget_mm2:
            return vpus
    of = "" if share == 1.0 else f"{share:g} of "
    raise AccelsimError(
        f"machine {machine.name}: not even one VPU fits into the {budget_mm2:.4g} mm2 of {of}{reference.name}"
    )


def _most_vpus(machine: Machine, budget_mm2: float, technology: Technology) -> int:
    """As many as the technology has SRAM slices for and whose logic alone, which grows with every VPU, fits; or 0."""
    smallest_slice_kib = technology.sram.macro_range_kib(machine.weight_sram.width_bits)[0]
    fits, too_many = 0, min(MAX_VPUS, math.floor(machine.weight_sram.kib / smallest_slice_kib)) + 1
    while too_many - fits > 1:
        vpus = (fits + too_many) // 2
        items = area(_with(machine, vpus), technology).items
        logic_mm2 = machine.cores * math.fsum(item.mm2 for item in items if item.kind == "logic")
        fits, too_many = (vpus, too_many) if logic_mm2 <= budget_mm2 else (fits, vpus)
    return fits


def _with(machine: Machine, vpus: int) -> Machine:
    # A copy without validation, which would take longer than the area; any number up to MAX_VPUS is allowed.
    return machine.model_copy(update={"mvu": machine.mvu.model_copy(update={"vpus": vpus})})
