"""One VPU with all that is its own: masks of its rows, walker, weight registers, and the execution pipeline."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.blocks.once import written_once
from accelsim.rtl.blocks.requantize import VALUE_BITS, Requantizer
from accelsim.rtl.blocks.rounding import SHIFT_BITS
from accelsim.rtl.blocks.vpu_pipeline import VpuPipeline
from accelsim.rtl.core.core_shape import READ_LATENCY, CoreShape
from accelsim.rtl.core.operand_ring import OperandRing
from accelsim.rtl.core.pipeline import delayed, drive, select
from accelsim.rtl.core.ports import scale_layout
from accelsim.rtl.core.rtl_mask_units import VpuMasks
from accelsim.rtl.core.walker import Walker

MASK_STREAM = ("mask_valid", "mask_first", "mask_place", "unit_masks", "unit_vpus", "unit_rows")
"""What the selector sends to every VPU."""

ISSUE = ("active", "job_start", "window_start", "pass_end", "mode")
"""What the MVU's controller tells every walker."""


@written_once
class VpuSlice(wiring.Component):
    """Inputs named as in `VpuMasks`, `Walker` and the selector belong to the issue stage, ``exec_*`` to the cycle
    `CoreShape.step_skew` later: the kind of the window's job and its mode, whether its chunk is the first or last, the
    chunks of the block's positions, and which values of a chunk exist. ``result_*`` leaves
    `CoreShape.vpu_latency` after that.
    """

    def __init__(self, shape: CoreShape) -> None:
        self._shape = shape
        self._walker, self._masks = Walker(shape), VpuMasks(shape)
        layout = scale_layout(shape)
        members = {
            **{name: self._walker.signature.members[name] for name in ISSUE},
            **{name: member for name, member in self._masks.signature.members.items() if name != "pairs"},
            "weight_base": In(range(shape.weight_lines + 1)),
            "exec_precise": In(1),
            "exec_mode": In(range(len(shape.precisions))),
            "exec_first": In(1),
            "exec_last": In(1),
            "exec_operands": In(shape.positions * shape.most_chunk_bits),
            "exec_enable": In(shape.bricks),
            "noise_shift": In(SHIFT_BITS),
            "precise_shift": In(SHIFT_BITS),
            "weight_read": Out(1),
            "weight_address": Out(range(shape.weight_lines)),
            "weight_data": In(shape.machine.weight_sram.width_bits),
            "scale_read": Out(1),
            "scale_address": Out(range(2 * shape.rows)),
            "scale_data": In(layout),
            "step": Out(1),
            "psum": Out(range(shape.vpu.accumulators)),
            "slot_start": Out(1),
            "read": Out(1),
            "working": Out(1),
            "finished": Out(1),
            "more": Out(1),
            "result_valid": Out(1),
            "result_position": Out(range(shape.positions)),
            "result_neuron": Out(range(shape.neurons + 1)),
            "result_value": Out(VALUE_BITS),
        }
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._join_walker(m)
        weight_asked = self._ask_for_weights(m)
        m.submodules.weights = weights = OperandRing(
            len(self.weight_data),
            self._shape.most_weight_accesses,
            self._shape.most_chunk_bits,
        )
        step = self._late_step(m)
        drive(
            m,
            weights,
            put=delayed(m, weight_asked, READ_LATENCY, "weight_arrives"),
            entry=self.weight_data,
            take=step[1],
            length=select(self._shape.weight_accesses, self.exec_mode),
        )
        m.submodules.pipeline = pipeline = VpuPipeline(self._shape.vpu)
        self._feed_pipeline(m, pipeline, step, weights.chunk)
        self._drive_results(m, pipeline)
        return m

    def _join_walker(self, m: Module) -> None:
        """Connect the masks and the walker to the issue stage."""
        m.submodules.masks, m.submodules.walker = masks, walker = self._masks, self._walker
        drive(m, masks, **{name: getattr(self, name) for name in masks.signature.members if name != "pairs"})
        drive(
            m,
            walker,
            pairs=masks.pairs,
            positions=self.positions,
            **{name: getattr(self, name) for name in ISSUE},
        )
        for name in ("step", "psum", "slot_start", "read", "working", "finished", "more"):
            m.d.comb += getattr(self, name).eq(getattr(walker, name))

    def _ask_for_weights(self, m: Module) -> Value:
        """Read weights so late that a row slot's first step finds them just arrived; return whether one is read."""
        walker, address = self._walker, Signal.like(self.weight_address, name="address")
        accesses = select(self._shape.weight_accesses, self.mode)
        m.d.comb += address.eq(self.weight_base + walker.row * accesses + walker.access)
        asked = delayed(m, Cat(walker.read, address), self._shape.weight_read_skew, "weight_asked")
        m.d.comb += [self.weight_read.eq(asked[0]), self.weight_address.eq(asked[1:])]
        return asked[0]

    def _late_step(self, m: Module) -> Value:
        """Return the walker's step at the execution stage: step, slot start, then position, psum and row."""
        walker = self._walker
        issue = Cat(walker.step, walker.slot_start, walker.position, walker.psum, walker.row)
        return delayed(m, issue, self._shape.step_skew, "step")

    def _feed_pipeline(self, m: Module, pipeline: VpuPipeline, step: Value, weights: Value) -> None:
        """Feed steps, operands and scale constants to the execution pipeline."""
        m.d.comb += [
            pipeline.step.valid.eq(step[0]),
            pipeline.step.precise.eq(self.exec_precise),
            pipeline.step.wide.eq(self.exec_mode == self._shape.mode(16)),
            pipeline.step.first.eq(self.exec_first),
            pipeline.step.last.eq(self.exec_last),
            Cat(pipeline.step.position, pipeline.step.psum, pipeline.step.row).eq(step[2:]),
        ]
        if self._shape.vpu.bytes:
            m.d.comb += pipeline.step.byte.eq(self.exec_mode == self._shape.mode(8))
        scaled_precise = delayed(m, pipeline.scale_precise, READ_LATENCY, "scaled_precise")
        drive(
            m,
            pipeline,
            broadcast=self.exec_operands,
            enable=self.exec_enable,
            weights=weights,
            bias=self.scale_data.bias,
            multiplier=self.scale_data.multiplier,
            shift=Mux(scaled_precise, self.precise_shift, self.noise_shift),
        )

    def _drive_results(self, m: Module, pipeline: VpuPipeline) -> None:
        """Ask for the scale constants and give out the results."""
        m.d.comb += [
            self.scale_read.eq(pipeline.scale_read),
            self.scale_address.eq(pipeline.scale_row + Mux(pipeline.scale_precise, self._shape.rows, 0)),
            self.result_valid.eq(pipeline.result.valid),
            self.result_position.eq(pipeline.result.position),
            self.result_value.eq(pipeline.result.value),
            # The scale constants come when the requantizer begins; the neuron's number waits for its end.
            self.result_neuron.eq(delayed(m, self.scale_data.neuron, Requantizer.latency, "neuron")),
        ]
