"""Scores: what the selectors compare, and the scaler that makes them of z~ as the batch norm after the layer would."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.blocks.requantize import BIAS_BITS, VALUE_BITS
from accelsim.rtl.blocks.rounding import SHIFT_BITS, rounded_shift

MAGNITUDE_BITS = 16
SCORE_BITS = 17  # -32768 to 32768, and thresholds beyond both
FACTOR_BITS = 16


def magnitude(value: Value) -> Value:
    """``|value|`` of a signed 16-bit number as an unsigned one: -32768 gives 32768."""
    return Mux(value[-1], -value, value)[:MAGNITUDE_BITS]


def score(value: Value, keeps_sign: Value) -> Value:
    """A signed 16-bit number itself, with ``keeps_sign``, or its magnitude; as a signed one of `SCORE_BITS`."""
    return Mux(keeps_sign, Cat(value, value[-1]), magnitude(value))[:SCORE_BITS].as_signed()


class ScoreScaler(wiring.Component):
    """``score`` = ``sat16((value * factor + offset + half) >> shift)``; all inputs are signed, and sampled every cycle.

    Multiply, add, shift and round: three stages, as in a requantizer.
    """

    latency = 3

    def __init__(self) -> None:
        super().__init__(
            {
                "value": In(signed(VALUE_BITS)),
                "factor": In(signed(FACTOR_BITS)),
                "offset": In(signed(BIAS_BITS)),
                "shift": In(SHIFT_BITS),
                "score": Out(signed(VALUE_BITS)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        product, offset = Signal(signed(VALUE_BITS + FACTOR_BITS)), Signal.like(self.offset)
        total = Signal.like(self.offset)
        m.d.sync += [
            product.eq(self.value * self.factor),
            offset.eq(self.offset),
            total.eq(product + offset),
            self.score.eq(rounded_shift(m, total, self.shift, VALUE_BITS)),
        ]
        return m
