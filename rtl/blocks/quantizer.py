"""From a 32-bit y accumulator to an INT4 code."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.blocks.projection_lane import Y_BITS
from rtl.blocks.requantize import MULTIPLIER_BITS
from rtl.blocks.rounding import SHIFT_BITS, round_and_saturate, shift_with_guard

CODE_BITS = 4


class Quantizer(wiring.Component):
    """``code = clamp((y * multiplier + half) >> shift, -7, 7)``; ``half`` rounds halves up.

    ``multiplier`` (unsigned) and ``shift`` are held constant. Four stages: partial products, sum, shift, round.
    """

    latency = 4

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
        guarded = Signal(signed(Y_BITS + MULTIPLIER_BITS + 1))
        with m.If(self.valid):
            m.d.sync += [
                low.eq(self.y[:half] * self.multiplier),
                high.eq(self.y[half:].as_signed() * self.multiplier),
            ]
        rounded = Signal(signed(CODE_BITS))
        m.d.comb += rounded.eq(round_and_saturate(m, guarded, CODE_BITS))
        m.d.sync += [
            product.eq((high << half) + low),
            guarded.eq(shift_with_guard(product, self.shift)),
            self.code.eq(Mux(rounded == -8, -7, rounded)),  # the codes are symmetric
        ]
        return m
