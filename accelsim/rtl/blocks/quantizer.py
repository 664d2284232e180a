"""From a 32-bit y accumulator to an INT4 code."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.blocks.once import written_once
from accelsim.rtl.blocks.projection_lane import Y_BITS
from accelsim.rtl.blocks.requantize import MULTIPLIER_BITS
from accelsim.rtl.blocks.rounding import SHIFT_BITS, rounded_shift

CODE_BITS = 4
CODE_MAX = 7


@written_once
class Quantizer(wiring.Component):
    """``code = clamp((y * multiplier + half) >> shift, -7, 7)``; ``half`` rounds halves up.

    ``multiplier`` (unsigned) and ``shift`` are held constant. Three stages: partial products (one 32x16
    multiplier misses 2 ns), their sum, shift and round.
    """

    latency = 3

    def __init__(self) -> None:
        super().__init__(
            {
                "valid": In(1),
                "y": In(signed(Y_BITS)),
                "multiplier": In(MULTIPLIER_BITS),
                "shift": In(SHIFT_BITS),
                "code": Out(signed(CODE_BITS)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        half = Y_BITS // 2
        low = Signal(half + MULTIPLIER_BITS)
        high = Signal(signed(half + MULTIPLIER_BITS))
        product = Signal(signed(Y_BITS + MULTIPLIER_BITS))
        with m.If(self.valid):
            m.d.sync += [
                low.eq(self.y[:half] * self.multiplier),
                high.eq(self.y[half:].as_signed() * self.multiplier),
            ]
        rounded = Signal(signed(CODE_BITS))
        m.d.comb += rounded.eq(rounded_shift(m, product, self.shift, CODE_BITS))
        m.d.sync += [
            product.eq((high << half) + low),
            self.code.eq(Mux(rounded == -CODE_MAX - 1, -CODE_MAX, rounded)),
        ]
        return m
