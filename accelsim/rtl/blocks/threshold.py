"""The threshold selector's comparators."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

MAGNITUDE_BITS = 16


def magnitude(value: Value) -> Value:
    """``|value|`` of a signed 16-bit number as an unsigned one: -32768 gives 32768."""
    return Mux(value[-1], -value, value)[:MAGNITUDE_BITS]


class ThresholdSelector(wiring.Component):
    """``mask[i]`` = ``|values[i]| >= threshold`` and ``members[i]``, one stage; ``comparators`` a cycle."""

    latency = 1

    def __init__(self, comparators: int) -> None:
        self._comparators = comparators
        super().__init__(
            {
                "values": In(data.ArrayLayout(signed(16), comparators)),
                "members": In(comparators),
                "threshold": In(MAGNITUDE_BITS),
                "mask": Out(comparators),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for i, value in enumerate(self.values):
            size = Signal(MAGNITUDE_BITS, name=f"size_{i}")
            m.d.comb += size.eq(magnitude(value))
            m.d.sync += self.mask[i].eq(self.members[i] & (size >= self.threshold))
        return m
