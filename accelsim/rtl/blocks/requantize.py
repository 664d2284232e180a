"""From a 48-bit psum to a 16-bit output."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.blocks.psums import PSUM_BITS
from accelsim.rtl.blocks.rounding import SHIFT_BITS, rounded_shift

BIAS_BITS = 48
MULTIPLIER_BITS = 16
VALUE_BITS = 16
GREATEST_CODE_PRODUCT = 49


def code_sum_bits(most_codes: int) -> int:
    """Bits of a sum of ``most_codes`` products of two INT4 codes of -7..7."""
    return (GREATEST_CODE_PRODUCT * most_codes).bit_length() + 1


class Requantizer(wiring.Component):
    """z (``wide`` = 1): ``sat16((psum + bias + half) >> shift)``; z~: ``sat16((psum * multiplier + bias + half) >> shift)``.

    ``half`` rounds halves up. The psum of a z~ has ``code_sum_bits`` bits, which keeps its multiplier small. All
    inputs are sampled with ``valid``. 48 bits hold every sum (docs/machine.md, section 11). Three stages:
    multiply, add, shift and round.
    """

    latency = 3

    def __init__(self, code_sum_bits: int) -> None:
        self._code_sum_bits = code_sum_bits
        super().__init__(
            {
                "valid": In(1),
                "wide": In(1),
                "psum": In(signed(PSUM_BITS)),
                "bias": In(signed(BIAS_BITS)),
                "multiplier": In(MULTIPLIER_BITS),
                "shift": In(SHIFT_BITS),
                "value": Out(signed(VALUE_BITS)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        scaled, total = Signal(signed(PSUM_BITS)), Signal(signed(PSUM_BITS))
        bias = Signal.like(self.bias)
        shifts = [Signal.like(self.shift, name=f"shift_{i}") for i in (1, 2)]
        code_sum = self.psum[: self._code_sum_bits].as_signed()
        with m.If(self.valid):
            m.d.sync += [
                scaled.eq(Mux(self.wide, self.psum, code_sum * self.multiplier)),
                bias.eq(self.bias),
                shifts[0].eq(self.shift),
            ]
        m.d.sync += [
            total.eq(scaled + bias),
            shifts[1].eq(shifts[0]),
            self.value.eq(rounded_shift(m, total, shifts[1], VALUE_BITS)),
        ]
        return m
