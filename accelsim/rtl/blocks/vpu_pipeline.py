"""The execution pipeline of a VPU: a step goes in every cycle, results come out a constant time later.

operand select | fused multipliers (2) | adder tree | psum read, add | requantize (3)
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Module, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.blocks.fused import BRICKS, PRODUCT_16X16_BITS, FusedMultiplier
from accelsim.rtl.blocks.operand_stage import OperandStage
from accelsim.rtl.blocks.psums import AccumulatorFile
from accelsim.rtl.blocks.requantize import (
    BIAS_BITS,
    MULTIPLIER_BITS,
    VALUE_BITS,
    Requantizer,
    byte_sum_bits,
    code_sum_bits,
)
from accelsim.rtl.blocks.rounding import SHIFT_BITS
from accelsim.rtl.blocks.tree import AdderTree, sum_bits, tree_latency


@dataclass(frozen=True)
class VpuShape:
    """Sizes of a VPU: ``lanes`` L of 16 bricks, ``positions`` T of a block, ``accumulators`` A, ``accumulate_latency`` R.

    ``rows`` is the most rows of a tile that the VPU can own; ``most_codes`` and ``most_bytes`` are the most products of
    codes, and of bytes, that a psum adds; 0 bytes: it multiplies none.
    """

    lanes: int
    positions: int
    accumulators: int
    accumulate_latency: int
    rows: int
    most_codes: int
    most_bytes: int = 0

    @property
    def bytes(self) -> bool:
        """Whether the VPU multiplies operands of 8 bits."""
        return self.most_bytes > 0

    @property
    def scaled_bits(self) -> int:
        """Return the bits of a psum that is multiplied when it is requantized."""
        return max(code_sum_bits(self.most_codes), byte_sum_bits(self.most_bytes))

    @property
    def wide_bits(self) -> int:
        """Return the bits of an operand chunk of a precise job: L words."""
        return 16 * self.lanes

    @property
    def narrow_bits(self) -> int:
        """Return the bits of an operand chunk of an approximate job: B codes."""
        return 4 * BRICKS * self.lanes


def step_layout(shape: VpuShape) -> data.StructLayout:
    """Return the layout of what identifies a step, and of where its sum goes.

    ``precise`` says whether the sum is of z (1) or z~ (0); ``wide`` whether operands have 16 bits, ``byte`` 8, neither 4.
    ``position`` is the position's number in its block; ``first`` and ``last`` mark the row's first and last chunk.
    """
    return data.StructLayout(
        {
            "valid": 1,
            "precise": 1,
            "wide": 1,
            **({"byte": 1} if shape.bytes else {}),
            "first": 1,
            "last": 1,
            "position": range(shape.positions),
            "psum": range(shape.accumulators),
            "row": range(shape.rows),
        }
    )


def result_layout(shape: VpuShape) -> data.StructLayout:
    """Return the layout of a finished output: ``row`` is the VPU's number of the row, ``precise`` says z (1) or z~ (0)."""
    return data.StructLayout(
        {
            "valid": 1,
            "precise": 1,
            "position": range(shape.positions),
            "row": range(shape.rows),
            "value": signed(VALUE_BITS),
        }
    )


class VpuPipeline(wiring.Component):
    """Steps in, results out ``latency`` edges later, of the steps with ``last``.

    ``broadcast`` is the x or y chunks of the block's T positions, the same for all VPUs: position i's narrow chunk
    at bit ``i * narrow_bits``, its wide chunk at bit ``i * wide_bits``, one of bytes in between. ``weights`` is the row's
    chunk, in the low bits. ``enable`` gates bricks on padding operands: bit i is value i of the chunk.

    The row's scale constants are asked for on the way: ``scale_row`` and ``scale_precise`` with ``scale_read`` in
    one cycle, ``bias``, ``multiplier`` and ``shift`` expected in the next, as a synchronous memory gives them.
    """

    def __init__(self, shape: VpuShape) -> None:
        self._shape = shape
        self._psums = AccumulatorFile(
            shape.accumulators, shape.accumulate_latency, sum_bits(shape.lanes, PRODUCT_16X16_BITS)
        )
        self._requantizer = Requantizer(shape.scaled_bits)
        self._sum_latency = OperandStage.latency + FusedMultiplier.latency + tree_latency(shape.lanes)
        self.latency = self._sum_latency + self._psums.latency + self._requantizer.latency
        super().__init__(
            {
                "step": In(step_layout(shape)),
                "enable": In(shape.lanes * BRICKS),
                "broadcast": In(shape.positions * shape.narrow_bits),
                "weights": In(shape.narrow_bits),
                "scale_read": Out(1),
                "scale_precise": Out(1),
                "scale_row": Out(range(shape.rows)),
                "bias": In(signed(BIAS_BITS)),
                "multiplier": In(MULTIPLIER_BITS),
                "shift": In(SHIFT_BITS),
                "result": Out(result_layout(shape)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        tags = self._tags(m)
        products = self._multiply(m, tags)
        psum = self._accumulate(m, tags, products)
        self._requantize(m, tags, psum)
        return m

    def _multiply(self, m: Module, tags: list[data.View]) -> Value:
        """Select the operands, multiply them, and return the sum of the products over all lanes."""
        shape = self._shape
        m.submodules.operands = operands = OperandStage(shape.lanes, shape.positions, shape.bytes)
        m.d.comb += [
            operands.valid.eq(self.step.valid),
            operands.wide.eq(self.step.wide),
            operands.position.eq(self.step.position),
            operands.enable.eq(self.enable),
            operands.broadcast.eq(self.broadcast),
            operands.weights.eq(self.weights),
        ]
        m.submodules.tree = tree = AdderTree(shape.lanes, PRODUCT_16X16_BITS)
        for i in range(shape.lanes):
            m.submodules[f"lane_{i}"] = lane = FusedMultiplier(shape.bytes)
            m.d.comb += [
                lane.wide.eq(tags[OperandStage.latency].wide),
                lane.a_wide.eq(operands.wide_x.word_select(i, 16)),
                lane.b_wide.eq(operands.wide_w.word_select(i, 16)),
                lane.a_narrow.eq(operands.narrow_x.word_select(i, 4 * BRICKS)),
                lane.b_narrow.eq(operands.narrow_w.word_select(i, 4 * BRICKS)),
                tree.terms[i].eq(lane.product),
            ]
            if shape.bytes:
                m.d.comb += lane.byte.eq(tags[OperandStage.latency].byte)
        if shape.bytes:
            m.d.comb += operands.byte.eq(self.step.byte)
        products: Value = tree.sum
        return products

    def _accumulate(self, m: Module, tags: list[data.View], products: Value) -> Value:
        """Add the step's sum of `products` to its psum; return the new psum."""
        m.submodules.psums = psums = self._psums
        adding = tags[self._sum_latency]
        m.d.comb += [
            psums.valid.eq(adding.valid),
            psums.index.eq(adding.psum),
            psums.first.eq(adding.first),
            psums.value.eq(products),
        ]
        psum: Value = psums.sum
        return psum

    def _requantize(self, m: Module, tags: list[data.View], psum: Value) -> None:
        """Requantize the psums of steps with ``last``, with the scale constants asked for a cycle before."""
        m.submodules.requantizer = requantizer = self._requantizer
        summed = self._sum_latency + self._psums.latency
        asking, finished, done = tags[summed - 1], tags[summed], tags[self.latency]
        m.d.comb += [
            self.scale_read.eq(asking.valid & asking.last),
            self.scale_precise.eq(asking.precise),
            self.scale_row.eq(asking.row),
            requantizer.valid.eq(finished.valid & finished.last),
            requantizer.wide.eq(finished.wide),
            requantizer.psum.eq(psum),
            requantizer.bias.eq(self.bias),
            requantizer.multiplier.eq(self.multiplier),
            requantizer.shift.eq(self.shift),
            self.result.valid.eq(done.valid & done.last),
            self.result.precise.eq(done.precise),
            self.result.position.eq(done.position),
            self.result.row.eq(done.row),
            self.result.value.eq(requantizer.value),
        ]

    def _tags(self, m: Module) -> list[data.View]:
        """Return the step as it is 0, 1, ... ``latency`` edges later."""
        tags: list[data.View] = [self.step]
        for stage in range(1, self.latency + 1):
            tag = Signal(step_layout(self._shape), name=f"step_{stage}")
            m.d.sync += tag.eq(tags[-1])
            tags.append(tag)
        return tags
