"""Does the technology meet the machine's clock, and if not, what limits it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from accelsim.config.machine import Machine, NmSelector, ThresholdSelector
from accelsim.config.technology import Technology
from accelsim.energy.macro import (
    lanes_per_quantizer,
    operand_select_inputs,
    result_bank,
    sram_macro,
    weight_slice,
)
from accelsim.errors import AccelsimError


@dataclass(frozen=True)
class ClockLimit:
    """The slowest block of a machine: the least period it allows."""

    block: str
    period_ns: float

    @property
    def max_clock_mhz(self) -> int:
        """Highest whole-MHz clock that the block meets."""
        return math.floor(1000.0 / self.period_ns)


def clock_limit(machine: Machine, technology: Technology) -> ClockLimit:
    """The block or SRAM macro that limits the clock (the first of equals).

    Raises AccelsimError if an SRAM is outside the technology's table.
    """
    blocks, mux_ns = technology.blocks, technology.blocks.word_mux2.delay_ns
    periods = {
        "multiplier": blocks.multiplier.delay_ns,
        "tree_adder": blocks.tree_adder.delay_ns,
        "psum_adder": blocks.psum_adder.delay_ns,
        "register_file_word": blocks.register_file_word.delay_ns,
        "requantizer": blocks.requantizer.delay_ns,
        "weight_sram": _sram_cycle_ns(machine, "weight_sram", technology),
        "input_sram": _sram_cycle_ns(machine, "input_sram", technology),
        "patch_buffer": _sram_cycle_ns(machine, "patch_buffer", technology),
        "result_buffer": _sram_cycle_ns(machine, "result_buffer", technology),
        "output_sram": _sram_cycle_ns(machine, "output_sram", technology),
    }
    periods["operand_word"] = blocks.operand_word.delay_ns
    periods["operand_registers"] = blocks.ring_word.delay_ns
    periods["output_gather"] = math.ceil(math.log2(machine.mvu.vpus)) * mux_ns
    periods["operand_select"] = math.ceil(math.log2(operand_select_inputs(machine))) * mux_ns
    if machine.projection is not None:
        periods["projection_adder"] = blocks.projection_adder.delay_ns
        periods["quantizer"] = blocks.quantizer.delay_ns
        periods["quantizer_select"] = math.ceil(math.log2(lanes_per_quantizer(machine.projection))) * mux_ns
    if machine.selector is not None:
        periods["mask_walker"] = blocks.index_compactor.delay_ns
        periods["vpu_masks"] = blocks.vpu_masks.delay_ns
        periods["neuron_masks"] = blocks.neuron_masks.delay_ns
    if isinstance(machine.selector, ThresholdSelector):
        periods["threshold_comparator"] = blocks.threshold_comparator.delay_ns
        periods["selector_control"] = blocks.threshold_control.delay_ns
        periods["result_select"] = blocks.result_rotator_word.delay_ns
    if isinstance(machine.selector, NmSelector):
        periods["group_ranker"] = blocks.ranking_pair_bit.delay_ns
        periods["selector_control"] = blocks.groups_control.delay_ns
        periods["result_select"] = blocks.result_group_word.delay_ns
    if machine.spiking is not None:
        # The stage after the adders; lines take turns in the two.
        periods["membrane_update"] = blocks.threshold_comparator.delay_ns + mux_ns
    if machine.spiking is not None and machine.spiking.skip_silent_chunks:
        periods["event_walker"] = blocks.index_compactor.delay_ns
    slowest = max(periods, key=lambda name: periods[name])
    return ClockLimit(slowest, periods[slowest])


def _sram_cycle_ns(machine: Machine, name: str, technology: Technology) -> float:
    try:
        slice_kib = None
        if name == "weight_sram":
            slice_kib = weight_slice(machine)
        elif name == "result_buffer":
            slice_kib = result_bank(machine, technology)
        return sram_macro(getattr(machine, name), technology, slice_kib).cycle_ns
    except AccelsimError as error:
        raise AccelsimError(f"{machine.where(name)}: {error}") from None


def check_clock(machine: Machine, technology: Technology) -> None:
    """Raises AccelsimError, naming what limits it, if the technology does not meet ``clock_mhz``."""
    limit = clock_limit(machine, technology)
    if machine.clock_mhz > limit.max_clock_mhz:
        raise AccelsimError(
            f"{machine.where('clock_mhz')}: {machine.clock_mhz} is more than technology "
            f"{technology.name} meets; {limit.block} needs {limit.period_ns:g} ns, "
            f"so {limit.max_clock_mhz} at most"
        )
