"""ReLU on the words that the output port writes (docs/machine.md, section 14)."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.lengths import WORD_BITS


class ReluStage(wiring.Component):
    """``output`` is ``input`` with every negative word replaced by 0, in the same cycle."""

    def __init__(self, words: int) -> None:
        self._words = words
        super().__init__({"input": In(WORD_BITS * words), "output": Out(WORD_BITS * words)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        words = [self.input.word_select(i, WORD_BITS) for i in range(self._words)]
        m.d.comb += self.output.eq(Cat(Mux(word[-1], 0, word) for word in words))
        return m
