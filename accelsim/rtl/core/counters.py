"""The core's activity counters: one for every action of a component that stands in the RTL."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, ValueLike
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.components.component_registry import RTL_ACTION_NAMES

COUNTER_BITS = 40

COUNTERS = RTL_ACTION_NAMES
"""Names as in `accelsim.counts.Counts`; barrier and DRAM waits are between cores and tiles."""


class Counters(wiring.Component):
    """``clear`` sets all to 0. What each adds in a cycle is set with `add` before elaboration ends."""

    def __init__(self) -> None:
        super().__init__({"clear": In(1), **{f"count_{name}": Out(COUNTER_BITS) for name in COUNTERS}})

    def __getitem__(self, name: str) -> Signal:
        value: Signal = getattr(self, f"count_{name}")
        return value

    def add(self, m: Module, terms: dict[str, ValueLike]) -> None:
        """Add each term to its counter in every cycle, in the module `m`."""
        self._terms = [(name, Signal(COUNTER_BITS, name=f"more_{name}")) for name in terms]
        for name, more in self._terms:
            m.d.comb += more.eq(terms[name])

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for name, more in self._terms:
            m.d.sync += self[name].eq(self[name] + more)
        with m.If(self.clear):
            m.d.sync += [self[name].eq(0) for name, _more in self._terms]
        return m
