"""A pipelined adder tree."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.blocks.carry_save import carry_save_sum

TERMS_PER_STAGE = 16


def sum_bits(terms: int, bits: int) -> int:
    """Bits of the sum of ``terms`` signed numbers of ``bits`` bits."""
    return bits + (terms - 1).bit_length()


def tree_latency(terms: int) -> int:
    """Clock edges through an `AdderTree`: a stage sums up to 16 terms; a single term needs none."""
    stages = 0
    while terms > 1:
        terms = -(-terms // TERMS_PER_STAGE)
        stages += 1
    return stages


class AdderTree(wiring.Component):
    """``sum`` = the sum of ``terms`` signed numbers of ``bits`` bits, ``tree_latency(terms)`` edges later.

    With ``increments`` it also adds ``terms - 1`` single bits, at no cost in depth: the +1 of a term that was
    negated by inversion.
    """

    def __init__(self, terms: int, bits: int, increments: bool = False) -> None:
        self.latency = tree_latency(terms)
        self._bits = sum_bits(terms, bits)
        self._increments = increments and terms > 1
        members = {"terms": In(data.ArrayLayout(signed(bits), terms)), "sum": Out(signed(self._bits))}
        if self._increments:
            members["increment"] = In(terms - 1)
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        values: list[Value] = list(self.terms)
        ones: list[Value] = list(self.increment) if self._increments else []
        for stage in range(self.latency):
            sums: list[Value] = []
            for i in range(0, len(values), TERMS_PER_STAGE):
                group = values[i : i + TERMS_PER_STAGE]
                taken, ones = ones[: len(group) - 1], ones[len(group) - 1 :]
                name = f"stage_{stage}_{len(sums)}"
                total = Signal(signed(self._bits), name=name)
                m.d.sync += total.eq(carry_save_sum(m, group, self._bits, name, taken))
                sums.append(total)
            if ones:
                later = Signal(len(ones), name=f"increment_{stage}")
                m.d.sync += later.eq(Cat(*ones))
                ones = list(later)
            values = sums
        m.d.comb += self.sum.eq(values[0])
        return m
