"""The projection of form `none`: the words of a window, rounded to codes one by one."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.lengths import CODE_BITS
from accelsim.rtl.blocks.quantizer import Quantizer
from accelsim.rtl.blocks.rounding import SHIFT_BITS
from accelsim.rtl.core.core_shape import CoreShape
from accelsim.rtl.core.pipeline import select


class WordRounder(wiring.Component):
    """``codes`` of the first words of ``words``, whose ``mode`` says their bits; `Quantizer.latency` edges later."""

    latency = Quantizer.latency

    def __init__(self, shape: CoreShape) -> None:
        self._shape = shape
        super().__init__(
            {
                "valid": In(1),
                "mode": In(range(len(shape.precisions))),
                "words": In(shape.window_bits),
                "multiplier": In(16),
                "shift": In(SHIFT_BITS),
                "codes": Out(CODE_BITS * shape.quantizers),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for i in range(self._shape.quantizers):
            m.submodules[f"quantizer_{i}"] = unit = Quantizer()
            m.d.comb += [
                unit.valid.eq(self.valid),
                unit.y.eq(
                    select([self._word(i, bits) for bits in self._shape.precisions], self.mode).as_signed()
                ),
                unit.multiplier.eq(self.multiplier),
                unit.shift.eq(self.shift),
                self.codes.word_select(i, CODE_BITS).eq(unit.code),
            ]
        return m

    def _word(self, i: int, bits: int) -> Value:
        """Return word `i` of the window, of so many bits, as one of 16; 0 beyond the window."""
        if bits * (i + 1) > self._shape.window_bits:
            return Const(0, 16)
        word = self.words[bits * i : bits * (i + 1)]
        return Cat(word, word[-1].replicate(16 - bits))
