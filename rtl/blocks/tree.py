"""A pipelined adder tree."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

LEVELS_PER_STAGE = 2


def tree_levels(terms: int) -> int:
    """Levels of two-input adders that ``terms`` terms need; each widens the sum by one bit."""
    return (terms - 1).bit_length()


def tree_latency(terms: int) -> int:
    """Clock edges through an `AdderTree`: a register after every second level and after the last."""
    return -(-tree_levels(terms) // LEVELS_PER_STAGE)


def _add(a: Value, b: Value, increment: Value | None, bits: int) -> Value:
    """``a + b + increment`` in one carry chain: the increment enters it as a carry from a bit below."""
    if increment is None:
        return a + b
    total = Cat(increment, a).as_signed() + Cat(increment, b).as_signed()
    return total[1 : bits + 1].as_signed()


class AdderTree(wiring.Component):
    """``sum`` = the sum of ``terms`` signed numbers of ``bits`` bits, in ``tree_latency(terms)`` stages.

    With ``increments`` each of the terms-1 adders adds one bit more, ``increment[i]``, at no cost in depth:
    the +1 of a term that was negated by inversion.
    """

    def __init__(self, terms: int, bits: int, increments: bool = False) -> None:
        self.latency = tree_latency(terms)
        self._increments = increments and terms > 1
        members = {
            "terms": In(data.ArrayLayout(signed(bits), terms)),
            "sum": Out(signed(bits + tree_levels(terms))),
        }
        if self._increments:
            members["increment"] = In(terms - 1)
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        values: list[Value] = list(self.terms)
        carries: list[Value] = list(self.increment) if self._increments else []
        level = 0
        while len(values) > 1:
            level += 1
            bits = values[0].shape().width + 1
            pairs = [
                _add(a, b, carries.pop(0) if carries else None, bits)
                for a, b in zip(values[::2], values[1::2], strict=False)
            ]
            if len(values) % 2:
                pairs.append(values[-1])
            last = len(pairs) == 1
            registered = last or level % LEVELS_PER_STAGE == 0
            domain = m.d.sync if registered else m.d.comb
            values = []
            for i, value in enumerate(pairs):
                node = Signal(signed(bits), name=f"sum_{level}_{i}")
                domain += node.eq(value)
                values.append(node)
            if registered and carries:
                later = Signal(len(carries), name=f"increment_{level}")
                m.d.sync += later.eq(Cat(*carries))
                carries = list(later)
        m.d.comb += self.sum.eq(values[0])
        return m
