"""The front end's controller: blocks, positions, windows and quantizations, in the order in which they are issued."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rtl.core.shape import COORDINATE_BITS, MAX_D, CoreShape


class FrontControl(wiring.Component):
    """Issues one position after the other; between positions all counters stand where a position begins.

    ``load`` is the cycle before a tile's first. ``may_start``: a slot is free and a block is left. A position
    takes its windows (``fetch`` in the first cycle of each; held while the lanes add it to their sums, ``sum_row``
    a cycle) and then, if it projects, its quantizations.
    """

    def __init__(self, shape: CoreShape) -> None:
        self._shape = shape
        words, sums = range(MAX_D + 1), range(max(1, shape.max_k) + 1)
        super().__init__(
            {
                "load": In(1),
                "may_start": In(1),
                "projects": In(1),
                "d": In(words),
                "k": In(words),
                "positions_start": In(signed(COORDINATE_BITS + 1)),
                "block_step": In(signed(COORDINATE_BITS + 1)),
                "active": Out(1),
                "start": Out(1),
                "end": Out(1),
                "block_positions": Out(range(shape.positions + 1)),
                "position": Out(range(shape.positions)),
                "position_start": Out(1),
                "position_end": Out(1),
                "last_position": Out(1),
                "fetch": Out(1),
                "first_window": Out(1),
                "last_window": Out(1),
                "words_left": Out(words),
                "project": Out(1),
                "sums_left": Out(sums),
                "sum_row": Out(range(max(1, shape.max_k))),
                "quantize": Out(1),
                "codes_left": Out(sums),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self._shape
        busy, position, quantizing = Signal(), Signal.like(self.position), Signal()
        positions_left = Signal(signed(COORDINATE_BITS + 1))
        words_left, sums_left, sum_row = Signal.like(self.d), Signal.like(self.k), Signal.like(self.sum_row)
        first_window = Signal()
        window_done, windows_done, position_end = Signal(), Signal(), Signal()

        lanes = shape.projection_lanes if shape.approximates else 1
        quantizers = shape.quantizers if shape.approximates else 1
        m.d.comb += [
            self.start.eq(~busy & self.may_start),
            self.active.eq(busy | self.start),
            self.position.eq(position),
            self.block_positions.eq(Mux(positions_left > shape.positions, shape.positions, positions_left)),
            self.fetch.eq(self.active & ~quantizing & (sum_row == 0)),
            self.first_window.eq(first_window),
            self.last_window.eq(words_left <= shape.window_words),
            self.words_left.eq(words_left),
            self.project.eq(self.active & self.projects & ~quantizing),
            self.sums_left.eq(sums_left),
            self.sum_row.eq(sum_row),
            self.quantize.eq(self.active & quantizing),
            self.codes_left.eq(sums_left),
            window_done.eq(self.active & ~quantizing & (~self.projects | (sums_left <= lanes))),
            windows_done.eq(window_done & self.last_window),
            position_end.eq((windows_done & ~self.projects) | (self.quantize & (sums_left <= quantizers))),
            self.position_start.eq(self.fetch & first_window),
            self.position_end.eq(position_end),
            self.last_position.eq(position + 1 == self.block_positions),
            self.end.eq(position_end & self.last_position),
        ]
        # sums_left counts outputs: of the lanes while a window is held, of the quantizers after the last one.
        m.d.sync += busy.eq(self.active & ~self.end)
        with m.If(window_done):
            m.d.sync += [sum_row.eq(0), sums_left.eq(self.k), first_window.eq(0)]
            m.d.sync += words_left.eq(words_left - shape.window_words)
        with m.Elif(self.project):
            m.d.sync += [sum_row.eq(sum_row + 1), sums_left.eq(sums_left - lanes)]
        with m.Elif(self.quantize):
            m.d.sync += sums_left.eq(sums_left - quantizers)
        with m.If(windows_done & self.projects):
            m.d.sync += quantizing.eq(1)
        with m.If(position_end | self.load):
            m.d.sync += [
                quantizing.eq(0),
                words_left.eq(self.d),
                sums_left.eq(self.k),
                sum_row.eq(0),
                first_window.eq(1),
                position.eq(Mux(self.load | self.last_position, 0, position + 1)),
            ]
        with m.If(self.load):
            m.d.sync += [positions_left.eq(self.positions_start), busy.eq(0)]
        with m.Elif(self.end):
            m.d.sync += positions_left.eq(positions_left - self.block_step)
        return m
