"""Sizes that area, energy and timing share: SRAM macros, and words of the register files."""

from __future__ import annotations

from accelsim.config.machine import Machine, Projection, Sram
from accelsim.config.sram_table import SramMacro
from accelsim.config.technology import Technology

PSUM_BITS = 48
SUM_WORDS = 2
"""Words of 16 bits of one sum of the projection unit."""

NOISE_UNIFORMS = 8
"""Uniform numbers, of a 16-bit shift register each, that are added up to a normal one."""

_SPIKING_INPUTS = 4096
"""Inputs of a spiking layer that the flags of silent chunks are priced for."""

_PLACES, _POSITIONS = 12, 4
"""What the measured mask units hold: positions in flight, positions of a block."""


def weight_slice(machine: Machine) -> float:
    """KiB of one VPU's slice of the weight SRAM."""
    return machine.weight_sram.kib / machine.mvu.vpus


def result_bank(machine: Machine, technology: Technology) -> float:
    """KiB of one VPU's bank of the result buffer; one below the technology's smallest macro is built as that."""
    least = technology.sram.macro_range_kib(machine.result_buffer.width_bits)[0]
    return max(machine.result_buffer.kib / machine.mvu.vpus, least)


def sram_macro(sram: Sram, technology: Technology, slice_kib: float | None = None) -> SramMacro:
    """The macro a memory is built of; a slice smaller than `macro_kib` is a macro of its own size.

    Raises AccelsimError if the technology's table does not reach that far.
    """
    kib = float(sram.macro_kib) if slice_kib is None else min(float(sram.macro_kib), slice_kib)
    return technology.sram.macro(kib, sram.width_bits)


def psum_words(accumulators: int) -> float:
    """16-bit register words that hold so many partial sums."""
    return accumulators * PSUM_BITS / 16


def chunk_words(machine: Machine) -> int:
    """16-bit words of the longer operand chunk: B codes of 4 bits."""
    return machine.mvu.bricks_per_vpu // 4


def weight_register_words(machine: Machine) -> int:
    """16-bit words of a VPU's weight register: one chunk, twice, since the next is loaded meanwhile."""
    return 2 * chunk_words(machine)


def window_words(machine: Machine) -> int:
    """Words that the input SRAM brings in a cycle, and a lane of the projection unit adds up."""
    return machine.input_sram.banks * machine.input_sram.width_bits // 16


def lanes_per_quantizer(projection: Projection) -> int:
    """Lanes whose sums one quantizer rounds, one after the other."""
    return projection.lanes // projection.quantizers


def operand_select_inputs(machine: Machine) -> int:
    """Broadcast chunks that a VPU chooses from in every step: one per position of a block.

    The VPUs of a dense-only machine that does not share all serve the same position, so none chooses.
    """
    if machine.dense_only and machine.mvu.spare_vpus == "idle":
        return 1
    return machine.mvu.position_block


def output_words(machine: Machine) -> int:
    """Words that the output port takes out of the result buffer in a cycle."""
    return machine.output_sram.banks * machine.output_sram.width_bits // 16


def chunk_flag_words(machine: Machine) -> float:
    """16-bit register words of the flags of all slots: which chunks have a spike in any position of their block."""
    slots = machine.sequencer.lookahead + 1
    return slots * _SPIKING_INPUTS / machine.mvu.lanes / 16


def mask_walkers(machine: Machine) -> float:
    """Walkers of a VPU, in units of the measured one: it holds a bit for each row and position of a block.

    Walkers and masks are priced for 32 rows of a tile in a VPU, enough for 512 neurons on 16 VPUs.
    """
    return machine.mvu.position_block / _POSITIONS


def mask_places(machine: Machine) -> float:
    """Masks of the blocks in flight, in units of the measured ones, which hold 12 positions."""
    return (machine.sequencer.lookahead + 1) * machine.mvu.position_block / _PLACES
