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
GREATEST_BYTE_PRODUCT = 128 * 128


def code_sum_bits(most_codes: int) -> int:
    """Bits of a sum of ``most_codes`` products of two INT4 codes of -7..7."""
    return (GREATEST_CODE_PRODUCT * most_codes).bit_length() + 1


def byte_sum_bits(most_bytes: int) -> int:
    """Bits of a sum of ``most_bytes`` products of two bytes."""
    return (GREATEST_BYTE_PRODUCT * most_bytes).bit_length() + 1


class Requantizer(wiring.Component):
    """z of 16-bit operands (``wide`` = 1): ``sat16((psum + bias + half) >> shift)``; z~, and z of operands with fewer
    bits: ``sat16((psum * multiplier + bias + half) >> shift)``.

    ``half`` rounds halves up. A psum that is multiplied has ``scaled_bits`` bits, which keeps its multiplier small. All
    inputs are sampled with ``valid``. 48 bits hold every sum (docs/machine.md, section 11). Three stages:
    multiply, add, shift and round.
    """

    latency = 3

    def __init__(self, scaled_bits: int) -> None:
        self._scaled_bits = scaled_bits
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
        narrow = self.psum[: self._scaled_bits].as_signed()
        with m.If(self.valid):
            m.d.sync += [
                scaled.eq(Mux(self.wide, self.psum, narrow * self.multiplier)),
                bias.eq(self.bias),
                shifts[0].eq(self.shift),
            ]
        m.d.sync += [
            total.eq(scaled + bias),
            shifts[1].eq(shifts[0]),
            self.value.eq(rounded_shift(m, total, shifts[1], VALUE_BITS)),
        ]
        return m
