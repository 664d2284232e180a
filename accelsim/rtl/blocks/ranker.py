"""The N:M selector: which members of a group are among its largest."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.blocks.once import written_once
from accelsim.rtl.blocks.score import SCORE_BITS, score


@written_once
class Ranker(wiring.Component):
    """``mask`` = the ``keep`` members of largest score, ties to the lower index; all if there are fewer.

    A score is the value's magnitude, or with ``keeps_sign`` the value itself.

    ``members`` says which of the ``max_of`` values belong to the group (its size is a matter of the layer, and
    the last group may be short). Every pair is compared in the first stage, so a member's rank is the count
    of those before it; area grows with the square of ``max_of``.
    """

    latency = 2

    def __init__(self, max_of: int) -> None:
        self._max_of = max_of
        super().__init__(
            {
                "values": In(data.ArrayLayout(signed(16), max_of)),
                "members": In(max_of),
                "keeps_sign": In(1),
                "keep": In(range(max_of + 1)),
                "mask": Out(max_of),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        n = self._max_of
        sizes = [Signal(signed(SCORE_BITS), name=f"size_{i}") for i in range(n)]
        m.d.comb += [
            size.eq(score(value, self.keeps_sign)) for size, value in zip(sizes, self.values, strict=True)
        ]

        # before[j][i]: member i goes before member j. A pair is compared once; the lower index wins a tie.
        before = [Signal(n, name=f"before_{j}") for j in range(n)]
        members = Signal(n)
        keep = Signal.like(self.keep)
        m.d.sync += [members.eq(self.members), keep.eq(self.keep)]
        for i in range(n):
            for j in range(i + 1, n):
                first = Signal(name=f"first_{i}_{j}")
                m.d.comb += first.eq(sizes[i] >= sizes[j])
                m.d.sync += [
                    before[j][i].eq(self.members[i] & first),
                    before[i][j].eq(self.members[j] & ~first),
                ]
        m.d.sync += self.mask.eq(Cat(members[j] & (sum(before[j]) < keep) for j in range(n)))
        return m
