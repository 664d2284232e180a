"""The threshold selector's comparators."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.blocks.score import SCORE_BITS, score


class ThresholdSelector(wiring.Component):
    """``mask[i]`` = score of ``values[i]`` ``>= threshold`` and ``members[i]``, one stage; ``comparators`` a cycle.

    A score is the value's magnitude, or with ``keeps_sign`` the value itself.
    """

    latency = 1

    def __init__(self, comparators: int) -> None:
        self._comparators = comparators
        super().__init__(
            {
                "values": In(data.ArrayLayout(signed(16), comparators)),
                "members": In(comparators),
                "keeps_sign": In(1),
                "threshold": In(signed(SCORE_BITS)),
                "mask": Out(comparators),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for i, value in enumerate(self.values):
            size = Signal(signed(SCORE_BITS), name=f"size_{i}")
            m.d.comb += size.eq(score(value, self.keeps_sign))
            m.d.sync += self.mask[i].eq(self.members[i] & (size >= self.threshold))
        return m
