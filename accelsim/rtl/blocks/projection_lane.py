"""One lane of the projection unit: a ternary adder tree and an accumulator."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.blocks.carry_save import carry_save_sum
from accelsim.rtl.blocks.once import written_once
from accelsim.rtl.blocks.tree import AdderTree, tree_latency

Y_BITS = 32


def projection_lane_latency(window_words: int) -> int:
    """Clock edges from a window at the inputs to its sum in the accumulator."""
    return 1 + tree_latency(window_words) + 1


# An entry of P: 0, +1 (``nonzero``) or -1 (both).
SIGN_LAYOUT = data.StructLayout({"nonzero": 1, "negative": 1})


@written_once
class ProjectionLane(wiring.Component):
    """``y = (0 if first else y) + sum of sign_i * word_i`` over a window, one a cycle, ``latency`` cycles later.

    The words of zero entries are gated; ``additions`` is the number of the others (combinational, 0 without
    ``valid``). 32 bits suffice (docs/machine.md, section 11).
    """

    def __init__(self, window_words: int) -> None:
        self._words = window_words
        self.latency = projection_lane_latency(window_words)
        super().__init__(
            {
                "valid": In(1),
                "first": In(1),
                "words": In(data.ArrayLayout(signed(16), window_words)),
                "signs": In(data.ArrayLayout(SIGN_LAYOUT, window_words)),
                "additions": Out(range(window_words + 1)),
                "y": Out(signed(Y_BITS)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.tree = tree = AdderTree(self._words, 16, increments=True)
        m.d.comb += self.additions.eq(Mux(self.valid, sum(sign.nonzero for sign in self.signs), 0))

        # A word is negated as ~word + 1; the tree's adders take all but one of the +1s, the accumulator the last.
        increments = Signal(self._words)
        for i, (word, sign) in enumerate(zip(self.words, self.signs, strict=True)):
            with m.If(self.valid):
                m.d.sync += [
                    tree.terms[i].eq(Mux(sign.nonzero, Mux(sign.negative, ~word, word), 0)),
                    increments[i].eq(sign.nonzero & sign.negative),
                ]
        if self._words > 1:
            m.d.comb += tree.increment.eq(increments[1:])

        # What the accumulator needs travels beside the tree.
        valid, first, plus = Signal(), Signal(), increments[0]
        m.d.sync += [valid.eq(self.valid), first.eq(self.first)]
        for stage in range(tree.latency):
            later = Signal(3, name=f"beside_{stage}")
            m.d.sync += later.eq(Cat(valid, first, plus))
            valid, first, plus = later
        with m.If(valid):
            m.d.sync += self.y.eq(carry_save_sum(m, [Mux(first, 0, self.y), tree.sum], Y_BITS, "y", [plus]))
        return m
