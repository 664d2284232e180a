"""The MVU's controller: takes jobs and issues their windows, (pass, chunk) by (pass, chunk), without a gap.

It only issues. Reads and steps follow at constant distances (`CoreShape.patch_read_skew`, `weight_read_skew`,
`step_skew`), so the decision when a window ends needs nothing that has not been issued yet.
"""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.lengths import ceil_div
from accelsim.rtl.core.core_shape import MAX_D, CoreShape
from accelsim.rtl.core.pipeline import select


class MvuControl(wiring.Component):
    """All outputs belong to the present cycle.

    A job is offered by ``narrow_ready`` or ``wide_ready`` with its slot; ``positions`` is q of the job's slot
    (asked for with ``slot``, combinational). ``walkers_finished`` and ``walkers_more`` are the walkers' answers.
    ``values`` are the operand values of the chunk and of all that follow in the pass.
    """

    def __init__(self, shape: CoreShape) -> None:
        self._shape = shape
        self._most_words = shape.positions * max(shape.chunk_words)
        slot, length = range(shape.slots), range(MAX_D + 1)
        super().__init__(
            {
                "narrow_ready": In(1),
                "wide_ready": In(1),
                "narrow_slot": In(slot),
                "wide_slot": In(slot),
                "positions": In(range(shape.positions + 1)),
                "k": In(length),
                "d": In(length),
                "rows_stride": In(range(shape.rows + 1)),
                "precise_base": In(range(shape.weight_lines + 1)),
                "walkers_finished": In(1),
                "walkers_more": In(1),
                "active": Out(1),
                "wide": Out(1),
                "slot": Out(slot),
                "job_start": Out(1),
                "window_start": Out(1),
                "first_chunk": Out(1),
                "last_chunk": Out(1),
                "values": Out(length),
                "pass_end": Out(1),
                "job_end": Out(1),
                "weight_base": Out(range(shape.weight_lines + 1)),
                "patch_read": Out(1),
                "patch_offset": Out(range(self._most_words + shape.patch_columns)),
                "chunk_line": Out(range(shape.patch_lines + 1)),
                "chunk_column": Out(range(shape.patch_columns)),
                "window_reads": Out(range(shape.most_patch_reads + 1)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self._shape
        columns = shape.patch_columns
        busy, wide, slot = Signal(), Signal(), Signal.like(self.slot)
        first, new_window, new_pass = Signal(), Signal(), Signal()

        # The job of this cycle: the one under way, else what waits and comes first in the machine's order.
        takes_wide = Signal()
        if shape.machine.sequencer.mvu_order == "precise_first":
            m.d.comb += takes_wide.eq(self.wide_ready)
        else:
            m.d.comb += takes_wide.eq(~self.narrow_ready)
        m.d.comb += [
            self.job_start.eq(~busy & (self.narrow_ready | self.wide_ready)),
            self.active.eq(busy | self.job_start),
            self.wide.eq(Mux(busy, wide, takes_wide)),
            self.slot.eq(Mux(busy, slot, Mux(takes_wide, self.wide_slot, self.narrow_slot))),
            self.window_start.eq(self.job_start | (busy & new_window)),
        ]
        pass_start = Signal()
        m.d.comb += pass_start.eq(self.job_start | (busy & new_pass))

        # The chunk: what is left of the row, and where in the patch and in the weight slice it begins.
        narrow_words, wide_words = shape.chunk_words
        narrow_accesses, wide_accesses = shape.weight_accesses
        values, line = Signal.like(self.values), Signal.like(self.chunk_line)
        column, base = Signal.like(self.chunk_column), Signal.like(self.weight_base)
        per_chunk = Signal(range(shape.bricks + 1))
        m.d.comb += [
            per_chunk.eq(Mux(self.wide, shape.lanes, shape.bricks)),
            self.first_chunk.eq(Mux(self.window_start, pass_start, first)),
            self.values.eq(Mux(pass_start, Mux(self.wide, self.d, self.k), values)),
            self.last_chunk.eq(self.values <= per_chunk),
            self.chunk_line.eq(Mux(pass_start, 0, line)),
            self.chunk_column.eq(Mux(pass_start, 0, column)),
            self.weight_base.eq(Mux(pass_start, Mux(self.wide, self.precise_base, 0), base)),
        ]

        # Patch reads: one a cycle from the window's first, until the chunks of all positions are read.
        words_of = [[q * words for q in range(shape.positions + 1)] for words in shape.chunk_words]
        words = Signal(range(self._most_words + 1))
        words_left, words_left_now, offset = (
            Signal.like(words),
            Signal.like(words),
            Signal.like(self.patch_offset),
        )
        reads = [select([ceil_div(n, columns) for n in per_q], self.positions) for per_q in words_of]
        m.d.comb += [
            words.eq(Mux(self.wide, *(select(per_q, self.positions) for per_q in reversed(words_of)))),
            self.window_reads.eq(Mux(self.wide, reads[1], reads[0])),
            words_left_now.eq(Mux(self.window_start, words, words_left)),
            self.patch_offset.eq(Mux(self.window_start, 0, offset)),
            self.patch_read.eq(self.active & (words_left_now != 0)),
        ]
        m.d.sync += [
            words_left.eq(Mux(words_left_now > columns, words_left_now - columns, 0)),
            offset.eq(Mux(self.patch_read, self.patch_offset + columns, self.patch_offset)),
        ]

        # The window ends when walkers, patch reads and the accumulate latency are through.
        least = shape.machine.mvu.accumulate_latency_cycles
        cycles, cycles_now = Signal(range(least + 1)), Signal(range(least + 1))
        chunk_end = Signal()
        m.d.comb += [
            cycles_now.eq(Mux(self.window_start, 0, cycles)),
            chunk_end.eq(
                self.active & self.walkers_finished & (words_left_now <= columns) & (cycles_now + 1 >= least)
            ),
            self.pass_end.eq(chunk_end & self.last_chunk),
            self.job_end.eq(self.pass_end & ~self.walkers_more),
        ]
        m.d.sync += [
            cycles.eq(Mux(cycles_now == least, least, cycles_now + 1)),
            busy.eq(self.active & ~self.job_end),
            wide.eq(self.wide),
            slot.eq(self.slot),
            first.eq(self.first_chunk),
            new_window.eq(chunk_end),
            new_pass.eq(self.pass_end),
            values.eq(self.values),
            line.eq(self.chunk_line),
            column.eq(self.chunk_column),
            base.eq(self.weight_base),
        ]
        with m.If(chunk_end):
            step_lines = Mux(self.wide, wide_words // columns, narrow_words // columns)
            moved, wraps = Signal(range(2 * columns)), Signal()
            m.d.comb += [
                moved.eq(self.chunk_column + Mux(self.wide, wide_words % columns, narrow_words % columns)),
                wraps.eq(moved >= columns),
            ]
            m.d.sync += [
                values.eq(self.values - per_chunk),
                line.eq(self.chunk_line + step_lines + wraps),
                column.eq(Mux(wraps, moved - columns, moved)),
                base.eq(self.weight_base + self.rows_stride * Mux(self.wide, wide_accesses, narrow_accesses)),
            ]
        return m
