"""The accumulator file of a VPU."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

PSUM_BITS = 48


class AccumulatorFile(wiring.Component):
    """``accumulators`` psums of 48 bits: ``psum[index] = (0 if first else psum[index]) + value``.

    ``sum`` is the new value, ``latency`` edges later. Nothing is forwarded: an operation on the same psum may
    follow after ``accumulate_latency`` cycles at the earliest (docs/machine.md, R). 1: read, add and write in
    one cycle; 2: read, then add and write; 3 or more: read, add, write.
    """

    def __init__(self, accumulators: int, accumulate_latency: int, value_bits: int) -> None:
        self._accumulators = accumulators
        self._stages = min(accumulate_latency, 3)
        self.latency = min(accumulate_latency, 2)
        super().__init__(
            {
                "valid": In(1),
                "index": In(range(accumulators)),
                "first": In(1),
                "value": In(signed(value_bits)),
                "sum": Out(signed(PSUM_BITS)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        file = memory.Memory(shape=signed(PSUM_BITS), depth=self._accumulators, init=[])
        m.submodules.file = file
        read, write = file.read_port(domain="comb"), file.write_port()
        m.d.comb += read.addr.eq(self.index)
        valid, index, value = self.valid, self.index, self.value
        psum = Mux(self.first, Const(0, signed(PSUM_BITS)), read.data)
        if self._stages > 1:  # the read is a stage
            valid, index = Signal(), Signal.like(self.index)
            held, term = Signal(signed(PSUM_BITS)), Signal.like(self.value)
            m.d.sync += valid.eq(self.valid)
            with m.If(self.valid):
                m.d.sync += [index.eq(self.index), held.eq(psum), term.eq(self.value)]
            psum, value = held, term
        total = Signal(signed(PSUM_BITS))
        m.d.comb += total.eq(psum + value)
        with m.If(valid):
            m.d.sync += self.sum.eq(total)
        if self._stages > 2:  # so is the write
            ended, place = Signal(), Signal.like(self.index)
            m.d.sync += [ended.eq(valid), place.eq(index)]
            m.d.comb += [write.en.eq(ended), write.addr.eq(place), write.data.eq(self.sum)]
        else:
            m.d.comb += [write.en.eq(valid), write.addr.eq(index), write.data.eq(total)]
        return m
