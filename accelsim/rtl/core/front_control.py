"""The front end's controller: blocks, positions, groups of sums, windows and quantizations, in the order of their issue."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.core.core_shape import COORDINATE_BITS, MAX_D, CoreShape


class FrontControl(wiring.Component):
    """Issues one position after the other; between positions all counters stand where a position begins.

    ``load`` is the cycle before a tile's first. ``may_start``: a slot is free and a block is left. A position
    that projects goes through its windows (``fetch``, one a cycle) for each group of as many sums as there are
    lanes, and after each group rounds its sums (``quantize``); one that does not, goes through them once.
    ``sums_left`` are the sums of the position that are not rounded yet, ``words_left`` the words of the patch
    from the present window on.
    """

    def __init__(self, shape: CoreShape) -> None:
        self._shape = shape
        words = range(MAX_D + 1)
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
                "position_end": Out(1),
                "last_position": Out(1),
                "fetch": Out(1),
                "first_group": Out(1),
                "first_window": Out(1),
                "last_window": Out(1),
                "words_left": Out(words),
                "quantize": Out(1),
                "last_code": Out(1),
                "sums_left": Out(words),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self._shape
        quantizers = shape.quantizers if shape.approximates else 1
        turns = shape.projection_lanes // quantizers if shape.approximates else 1
        busy, quantizing, first_group, first_window = Signal(), Signal(), Signal(), Signal()
        position, turn = Signal.like(self.position), Signal(range(turns))
        positions_left = Signal(signed(COORDINATE_BITS + 1))
        words_left, sums_left = Signal.like(self.d), Signal.like(self.k)
        windows_done = Signal()

        m.d.comb += [
            self.start.eq(~busy & self.may_start),
            self.active.eq(busy | self.start),
            self.position.eq(position),
            self.block_positions.eq(Mux(positions_left > shape.positions, shape.positions, positions_left)),
            self.fetch.eq(self.active & ~quantizing),
            self.first_group.eq(first_group),
            self.first_window.eq(first_window),
            self.last_window.eq(words_left <= shape.window_words),
            self.words_left.eq(words_left),
            self.quantize.eq(self.active & quantizing),
            self.last_code.eq(sums_left <= quantizers),
            self.sums_left.eq(sums_left),
            windows_done.eq(self.fetch & self.last_window),
            self.position_end.eq(Mux(self.projects, self.quantize & self.last_code, windows_done)),
            self.last_position.eq(position + 1 == self.block_positions),
            self.end.eq(self.position_end & self.last_position),
        ]
        m.d.sync += busy.eq(self.active & ~self.end)
        with m.If(self.fetch):
            m.d.sync += [words_left.eq(words_left - shape.window_words), first_window.eq(0)]
        with m.If(windows_done):
            m.d.sync += [
                words_left.eq(self.d),
                first_window.eq(1),
                first_group.eq(0),
                quantizing.eq(1),
                turn.eq(0),
            ]
        with m.If(self.quantize):
            m.d.sync += [
                sums_left.eq(sums_left - quantizers),
                turn.eq(turn + 1),
                quantizing.eq(turn != turns - 1),
            ]
        with m.If(self.position_end | self.load):
            m.d.sync += [
                quantizing.eq(0),
                words_left.eq(self.d),
                sums_left.eq(self.k),
                first_group.eq(1),
                first_window.eq(1),
                position.eq(Mux(self.load | self.last_position, 0, position + 1)),
            ]
        with m.If(self.load):
            m.d.sync += [positions_left.eq(self.positions_start), busy.eq(0)]
        with m.Elif(self.end):
            m.d.sync += positions_left.eq(positions_left - self.block_step)
        return m
