"""From a 48-bit psum to a 16-bit output."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.blocks.psums import PSUM_BITS
from rtl.blocks.rounding import SHIFT_BITS, round_and_saturate, shift_with_guard

BIAS_BITS = 48
MULTIPLIER_BITS = 16
VALUE_BITS = 16


class Requantizer(wiring.Component):
    """Precise: ``sat16((psum + bias + half) >> shift)``; approximate: ``sat16((psum * multiplier + bias + half) >> shift)``.

    ``wide`` = 1 is precise. ``half`` rounds halves up. An approximate psum has at most ``code_sum_bits``
    significant bits (`code_sum_bits`), which makes its multiplier small. All inputs, ``bias`` and ``shift`` too,
    are sampled with ``valid``. Four stages: partial products, sum, shift, round.
    """

    latency = 4

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
        half = self._code_sum_bits // 2
        code_sum = self.psum[: self._code_sum_bits].as_signed()

        # Stage 1: the product in two halves, each a multiplier that fits a cycle; a precise psum goes beside them.
        low = Signal(half + MULTIPLIER_BITS)
        high = Signal(signed(PSUM_BITS))
        bias = Signal.like(self.bias)
        shifts = [Signal.like(self.shift, name=f"shift_{i}") for i in (1, 2)]
        with m.If(self.valid):
            m.d.sync += [
                low.eq(Mux(self.wide, 0, code_sum[:half] * self.multiplier)),
                high.eq(Mux(self.wide, self.psum, (code_sum[half:].as_signed() * self.multiplier) << half)),
                bias.eq(self.bias),
                shifts[0].eq(self.shift),
            ]

        # Stage 2: two bits more than any term, so that nothing wraps.
        total = Signal(signed(PSUM_BITS + 2))
        m.d.sync += [total.eq(high + low + bias), shifts[1].eq(shifts[0])]

        # Stages 3 and 4.
        guarded = Signal(signed(PSUM_BITS + 3))
        m.d.sync += [
            guarded.eq(shift_with_guard(total, shifts[1])),
            self.value.eq(round_and_saturate(m, guarded, VALUE_BITS)),
        ]
        return m


def code_sum_bits(most_codes: int) -> int:
    """Bits of a sum of ``most_codes`` products of two INT4 codes: each is at most 64."""
    return (64 * most_codes).bit_length() + 1
