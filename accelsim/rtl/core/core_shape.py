"""The sizes of one core in RTL, derived from a `Machine`, and what makes a machine buildable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from accelsim.components.component_registry import RTL_ACTION_NAMES, made_actions
from accelsim.config import Machine
from accelsim.errors import AccelsimError
from accelsim.lengths import BITS_PER_KIB, CODE_BITS, WORD_BITS, ceil_div
from accelsim.mapping.operand import bricks_per_product
from accelsim.rtl.blocks.fused import FusedMultiplier
from accelsim.rtl.blocks.operand_stage import OperandStage
from accelsim.rtl.blocks.projection_lane import projection_lane_latency
from accelsim.rtl.blocks.quantizer import Quantizer
from accelsim.rtl.blocks.ranker import Ranker
from accelsim.rtl.blocks.requantize import Requantizer
from accelsim.rtl.blocks.score import ScoreScaler
from accelsim.rtl.blocks.threshold import ThresholdSelector
from accelsim.rtl.blocks.tree import tree_latency
from accelsim.rtl.blocks.vpu_pipeline import VpuShape
from accelsim.rtl.core.map_shape import MAX_D, MapColumns, MapShape

READ_LATENCY = 1
"""Clock edges from an address at a memory's port to its data."""

COORDINATE_BITS = 20
"""Bits of a signed map coordinate, in pixels or words."""

MAX_KERNEL_ROWS = 7

__all__ = ["MAX_D", "CoreShape", "Limits", "MapColumns", "core_shape"]


@dataclass(frozen=True)
class Limits:
    """What the machine leaves open and hardware must bound.

    rows_per_vpu: most rows of a tile that one VPU can own (walkers and scale memories).
    codes: the largest k (the noise psum's part of the requantizer's multiplier).
    sign_rows: rows of P's sign image of a position that the model of P's generator holds.
    """

    rows_per_vpu: int = 64
    codes: int = 4096
    sign_rows: int = 4096


@dataclass(frozen=True)
class CoreShape(MapShape):
    """All sizes of a core. Names as in docs/machine.md, section 1, where it has one."""

    machine: Machine
    limits: Limits

    # --- MVU
    @property
    def vpus(self) -> int:
        """V."""
        return self.machine.mvu.vpus

    @property
    def bricks(self) -> int:
        """B: 4x4 multipliers of a VPU."""
        return self.machine.mvu.bricks_per_vpu

    @property
    def lanes(self) -> int:
        """L: 16-bit multipliers of a VPU."""
        return self.machine.mvu.lanes

    @property
    def positions(self) -> int:
        """T: positions of a block."""
        return self.machine.mvu.position_block

    @property
    def rows(self) -> int:
        """Most rows of a tile that a VPU owns."""
        return self.limits.rows_per_vpu

    @property
    def rows_in_pass(self) -> tuple[int, ...]:
        """a, by the positions q of a block (from 0): rows of a position that a VPU works on in one pass."""
        accumulators = self.machine.mvu.accumulators_per_vpu
        return (0, *(accumulators // q for q in range(1, self.positions + 1)))

    @property
    def selects(self) -> bool:
        """Whether there is a selector."""
        return self.machine.selector is not None

    @property
    def vpu(self) -> VpuShape:
        """Sizes of one VPU's pipeline."""
        precise = self.machine.mvu.precise_bits
        return VpuShape(
            lanes=self.lanes,
            positions=self.positions,
            accumulators=self.machine.mvu.accumulators_per_vpu,
            accumulate_latency=self.machine.mvu.accumulate_latency_cycles,
            rows=self.rows,
            most_codes=MAX_D if 4 in precise else self.max_k or 1,
            most_bytes=MAX_D if 8 in precise else 0,
        )

    @property
    def max_k(self) -> int:
        """Largest k; 0 for a dense machine."""
        return self.limits.codes if self.approximates else 0

    # --- operand chunks: by mode, the place of a job's bits in `precisions`
    @property
    def precisions(self) -> tuple[int, ...]:
        """Bits of the operands that the VPUs multiply, ascending: those of precise jobs, and 4 of approximate ones."""
        return tuple(sorted({*self.machine.mvu.precise_bits, *((CODE_BITS,) if self.approximates else ())}))

    def mode(self, bits: int) -> int:
        """Return the mode of operands of so many bits."""
        return self.precisions.index(bits)

    @property
    def chunk_values(self) -> tuple[int, ...]:
        """Operands of a chunk, by mode: L words, B/4 bytes, B codes."""
        return tuple(self.bricks // bricks_per_product(bits) for bits in self.precisions)

    @property
    def chunk_words(self) -> tuple[int, ...]:
        """16-bit words of a chunk, by mode."""
        each = zip(self.chunk_values, self.precisions, strict=True)
        return tuple(values * bits // WORD_BITS for values, bits in each)

    @property
    def most_chunk_bits(self) -> int:
        """Bits of the longest chunk."""
        return WORD_BITS * max(self.chunk_words)

    @property
    def weight_accesses(self) -> tuple[int, ...]:
        """w, by mode: accesses of a weight slice for a chunk."""
        width = self.machine.weight_sram.width_bits
        return tuple(ceil_div(WORD_BITS * words, width) for words in self.chunk_words)

    @property
    def most_weight_accesses(self) -> int:
        """The largest w."""
        return max(self.weight_accesses)

    @property
    def most_patch_reads(self) -> int:
        """X of a full block with the longest chunks: entries of a window's operands."""
        return ceil_div(self.positions * max(self.chunk_words), self.patch_columns)

    # --- slots
    @property
    def slots(self) -> int:
        """S: blocks in flight."""
        return self.machine.sequencer.lookahead + 1

    @property
    def places(self) -> int:
        """Patches that all slots hold: S*T."""
        return self.slots * self.positions

    # --- memories
    @property
    def weight_lines(self) -> int:
        """Lines of a weight slice."""
        sram = self.machine.weight_sram
        return sram.kib * BITS_PER_KIB // self.vpus // sram.width_bits

    @property
    def patch_columns(self) -> int:
        """Words of a line of the patch buffer."""
        return self.machine.patch_buffer.width_bits // WORD_BITS

    @property
    def patch_lines(self) -> int:
        """Lines of the patch buffer."""
        return self.machine.patch_buffer.kib * BITS_PER_KIB // self.machine.patch_buffer.width_bits

    @property
    def result_words(self) -> int:
        """Words of the result buffer, all banks."""
        return self.machine.result_buffer.kib * BITS_PER_KIB // WORD_BITS

    @property
    def output_line_words(self) -> int:
        """Neurons of an output line."""
        return self.machine.output_sram.width_bits // WORD_BITS

    @property
    def output_banks(self) -> int:
        """Lines that the output SRAM takes in a cycle."""
        return self.machine.output_sram.banks

    @property
    def output_lines(self) -> int:
        """Lines of the output SRAM."""
        return self.machine.output_sram.kib * BITS_PER_KIB // self.machine.output_sram.width_bits

    # --- outputs of a tile
    @property
    def neurons(self) -> int:
        """Most neurons of a tile, in whole output lines."""
        return ceil_div(self.vpus * self.rows, self.output_line_words) * self.output_line_words

    @property
    def lines_of_position(self) -> int:
        """Output lines of a position of the largest tile."""
        return self.neurons // self.output_line_words

    @property
    def most_of(self) -> int:
        """Most rows of a unit."""
        selector = self.machine.selector
        return selector.max_of if selector is not None and selector.kind == "nm" else 1

    @property
    def scales_scores(self) -> bool:
        """Whether the selector has a scaler in front of every input."""
        selector = self.machine.selector
        return selector is not None and selector.scales

    @property
    def units_selected(self) -> int:
        """Units that the selector takes in a cycle."""
        selector = self.machine.selector
        assert selector is not None
        return selector.comparators if selector.kind == "threshold" else selector.groups_per_cycle

    # --- projection
    @property
    def projection_lanes(self) -> int:
        """Sums that take a window in a cycle."""
        assert self.machine.projection is not None
        return self.machine.projection.lanes or 0

    @property
    def counters(self) -> tuple[str, ...]:
        """The actions that the core counts: those that its components make and that stand in the RTL."""
        made = made_actions(self.machine)
        return tuple(name for name in RTL_ACTION_NAMES if name in made)

    # --- latencies, in clock edges from the cycle that issues (docs/machine.md, section 12)
    @property
    def window_latency(self) -> int:
        """From the issue of a fetch to its words in the window register: the read, then the alignment."""
        return READ_LATENCY + 1

    @property
    def quantize_skew(self) -> int:
        """From the issue of a quantization to its y at the quantizers: the last window is summed by then."""
        return self.window_latency + projection_lane_latency(self.window_words) - 1

    @property
    def code_write_skew(self) -> int:
        """From the issue of a fetch or quantization of a code pass to the write of its codes."""
        return (self.quantize_skew if self.has_lanes else self.window_latency) + Quantizer.latency

    @property
    def patch_write_skew(self) -> int:
        """From the issue of a fetch or quantization to the write of its line: the same for x and y, so that they
        never meet at the one write port."""
        if not self.projects_patches:
            return self.window_latency
        return max(self.window_latency, self.quantize_skew + Quantizer.latency)

    @property
    def step_skew(self) -> int:
        """delta: from the issue of a step to the VPU's operand stage.

        The operands of a window are read within X cycles, those of a row slot within w; the first read of
        a job sees the last line that the front end wrote in the cycle before the job could start.
        """
        broadcast = self.patch_write_skew + self.most_patch_reads + READ_LATENCY
        weights = self.most_weight_accesses + READ_LATENCY
        return max(broadcast, weights)

    @property
    def patch_read_skew(self) -> int:
        """From the issue of a patch read to its address at the port."""
        return self.step_skew - self.most_patch_reads - READ_LATENCY

    @property
    def weight_read_skew(self) -> int:
        """From the issue of a weight read to its address at the port."""
        return self.step_skew - self.most_weight_accesses - READ_LATENCY

    @property
    def depth_least(self) -> int:
        """Least D: a result is in the result buffer when the selector and the output port may read it."""
        return self.step_skew + self.vpu_latency

    @property
    def vpu_latency(self) -> int:
        """As `VpuPipeline.latency`, without making one."""
        multiplied = OperandStage.latency + FusedMultiplier.latency + tree_latency(self.lanes)
        psum = min(self.machine.mvu.accumulate_latency_cycles, 2)
        return multiplied + psum + Requantizer.latency

    @property
    def score_latency(self) -> int:
        """From the issue of a selection to its scores at the comparators or rankers."""
        return READ_LATENCY + (ScoreScaler.latency if self.scales_scores else 0)

    @property
    def selector_latency_least(self) -> int:
        """Least latency of the selector: read, scale if it can, compare or rank, write the mask."""
        selector = self.machine.selector
        if selector is None:
            return 0
        return self.score_latency + (ThresholdSelector if selector.kind == "threshold" else Ranker).latency


def core_shape(machine: Machine, limits: Limits | None = None) -> CoreShape:
    """The sizes of a core of `machine`. Raises AccelsimError, in one line, if it cannot be built in RTL."""
    for field, missing in _missing_in_rtl(machine):
        raise AccelsimError(f"{machine.where(field)}: cannot be built; {missing}")
    shape = CoreShape(machine, limits or Limits())
    depth = machine.mvu.pipeline_depth_cycles
    if depth < shape.depth_least:
        raise AccelsimError(
            f"{machine.where('mvu.pipeline_depth_cycles')}: {depth} cannot be built; the RTL of this "
            f"machine needs at least {shape.depth_least}"
        )
    if machine.selector is not None and machine.selector.latency_cycles < shape.selector_latency_least:
        raise AccelsimError(
            f"{machine.where('selector.latency_cycles')}: {machine.selector.latency_cycles} cannot be built; "
            f"the RTL needs at least {shape.selector_latency_least}"
        )
    if machine.projection is not None and shape.projects_patches:
        quantizers, codes = machine.projection.quantizers, machine.patch_buffer.width_bits // CODE_BITS
        if codes % quantizers:
            raise AccelsimError(
                f"{machine.where('projection.quantizers')}: {quantizers} cannot be built; must divide the "
                f"{codes} codes of a patch buffer line"
            )
    return shape


def _missing_in_rtl(machine: Machine) -> Iterator[tuple[str, str]]:
    """Yield each field of the machine that asks for what the RTL does not have, and what that is."""
    if machine.spiking is not None:
        yield "spiking", "the RTL has no spiking neurons"
