"""One lane of the projection unit: a ternary adder tree and its share of the y accumulators."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from rtl.blocks.carry_save import carry_save_sum
from rtl.blocks.once import written_once
from rtl.blocks.tree import AdderTree, tree_latency

Y_BITS = 32


def projection_lane_latency(window_words: int) -> int:
    """Clock edges from a window at the inputs to its sum in the accumulator file."""
    return 1 + tree_latency(window_words) + 1


# An entry of P: 0, +1 (``nonzero``) or -1 (both).
SIGN_LAYOUT = data.StructLayout({"nonzero": 1, "negative": 1})


@written_once
class ProjectionLane(wiring.Component):
    """``y[index] = (0 if first else y[index]) + sum of sign_i * word_i`` over a window, one a cycle.

    The words of zero entries are gated; ``additions`` is the number of the others (combinational, 0 without
    ``valid``). An update shows at ``read_value`` (combinational read of ``read_index``) ``latency`` cycles
    later; updates of one y may follow each other without a gap. 32 bits suffice (docs/machine.md, section 11).
    """

    def __init__(self, window_words: int, accumulators: int) -> None:
        self._words = window_words
        self._accumulators = accumulators
        self.latency = projection_lane_latency(window_words)
        super().__init__(
            {
                "valid": In(1),
                "first": In(1),
                "index": In(range(accumulators)),
                "words": In(data.ArrayLayout(signed(16), window_words)),
                "signs": In(data.ArrayLayout(SIGN_LAYOUT, window_words)),
                "additions": Out(range(window_words + 1)),
                "read_index": In(range(accumulators)),
                "read_value": Out(signed(Y_BITS)),
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
        update = data.StructLayout({"valid": 1, "first": 1, "index": range(self._accumulators)})
        here = Signal(update)
        m.d.sync += [here.valid.eq(self.valid), here.first.eq(self.first), here.index.eq(self.index)]
        plus = increments[0]
        for stage in range(tree.latency):
            there, later = Signal(update, name=f"update_{stage}"), Signal(name=f"plus_{stage}")
            m.d.sync += [there.eq(here), later.eq(plus)]
            here, plus = there, later

        m.submodules.file = file = memory.Memory(shape=signed(Y_BITS), depth=self._accumulators, init=[])
        before, shown, write = file.read_port(domain="comb"), file.read_port(domain="comb"), file.write_port()
        y_before = Mux(here.first, 0, before.data)
        m.d.comb += [
            before.addr.eq(here.index),
            write.en.eq(here.valid),
            write.addr.eq(here.index),
            write.data.eq(carry_save_sum(m, [y_before, tree.sum], Y_BITS, "y", [plus])),
            shown.addr.eq(self.read_index),
            self.read_value.eq(shown.data),
        ]
        return m
