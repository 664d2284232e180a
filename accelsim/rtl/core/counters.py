"""The core's activity counters: one for each name in `CoreShape.counters`."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module, Signal, ValueLike
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

COUNTER_BITS = 40


class Counters(wiring.Component):
    """``clear`` sets all to 0. What each adds in a cycle is set with `add` before elaboration ends."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names)
        super().__init__({"clear": In(1), **{f"count_{name}": Out(COUNTER_BITS) for name in names}})

    def __getitem__(self, name: str) -> Signal:
        value: Signal = getattr(self, f"count_{name}")
        return value

    def add(self, m: Module, terms: dict[str, ValueLike]) -> None:
        """Add each term to its counter in every cycle, in the module `m`; a term without a counter is left out."""
        self._terms = [
            (name, Signal(COUNTER_BITS, name=f"more_{name}")) for name in terms if name in self._names
        ]
        for name, more in self._terms:
            m.d.comb += more.eq(terms[name])

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for name, more in self._terms:
            m.d.sync += self[name].eq(self[name] + more)
        with m.If(self.clear):
            m.d.sync += [self[name].eq(0) for name, _more in self._terms]
        return m
