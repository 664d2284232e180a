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
    (asked for with ``slot``, combinational). ``wide`` jobs are the precise ones, whose operands have ``precise_mode``;
    ``mode`` is that of the present job (`CoreShape.precisions`). ``walkers_finished`` and ``walkers_more`` are the
    walkers' answers. ``values`` are the operand values of the chunk and of all that follow in the pass.
    """

    def __init__(self, shape: CoreShape) -> None:
        self._shape = shape
        self._most_words = shape.positions * max(shape.chunk_words)
        slot, length, mode = range(shape.slots), range(MAX_D + 1), range(len(shape.precisions))
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
                "precise_mode": In(mode),
                "precise_base": In(range(shape.weight_lines + 1)),
                "walkers_finished": In(1),
                "walkers_more": In(1),
                "active": Out(1),
                "wide": Out(1),
                "mode": Out(mode),
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
        # What a cycle leaves to the next one.
        self._busy, self._wide, self._slot = Signal(), Signal(), Signal.like(self.slot, name="slot")
        self._first, self._new_window, self._new_pass = Signal(), Signal(), Signal(name="new_pass")
        self._values, self._line = Signal.like(self.values), Signal.like(self.chunk_line, name="line")
        self._column, self._base = Signal.like(self.chunk_column), Signal.like(self.weight_base, name="base")

        pass_start = self._choose_job(m)
        per_chunk = self._place_chunk(m, pass_start)
        words_left = self._read_patch(m)
        chunk_end = self._end_window(m, words_left)
        self._keep_state(m, chunk_end)
        self._move_to_next_chunk(m, chunk_end, per_chunk)
        return m

    def _choose_job(self, m: Module) -> Signal:
        """Choose the job of this cycle; return whether a pass starts.

        It is the job under way, or else the waiting job that comes first in the machine's order.
        """
        takes_wide, pass_start = Signal(name="takes_wide"), Signal(name="pass_start")
        if self._shape.machine.sequencer.mvu_order == "precise_first":
            m.d.comb += takes_wide.eq(self.wide_ready)
        else:
            m.d.comb += takes_wide.eq(~self.narrow_ready)
        m.d.comb += [
            self.job_start.eq(~self._busy & (self.narrow_ready | self.wide_ready)),
            self.active.eq(self._busy | self.job_start),
            self.wide.eq(Mux(self._busy, self._wide, takes_wide)),
            self.mode.eq(Mux(self.wide, self.precise_mode, 0)),
            self.slot.eq(Mux(self._busy, self._slot, Mux(takes_wide, self.wide_slot, self.narrow_slot))),
            self.window_start.eq(self.job_start | (self._busy & self._new_window)),
            pass_start.eq(self.job_start | (self._busy & self._new_pass)),
        ]
        return pass_start

    def _place_chunk(self, m: Module, pass_start: Signal) -> Signal:
        """Set what is left of the row, and where in patch and weight slice the chunk begins; return values per chunk."""
        shape = self._shape
        per_chunk = Signal(range(shape.bricks + 1))
        m.d.comb += [
            per_chunk.eq(select(shape.chunk_values, self.mode)),
            self.first_chunk.eq(Mux(self.window_start, pass_start, self._first)),
            self.values.eq(Mux(pass_start, Mux(self.wide, self.d, self.k), self._values)),
            self.last_chunk.eq(self.values <= per_chunk),
            self.chunk_line.eq(Mux(pass_start, 0, self._line)),
            self.chunk_column.eq(Mux(pass_start, 0, self._column)),
            self.weight_base.eq(Mux(pass_start, Mux(self.wide, self.precise_base, 0), self._base)),
        ]
        return per_chunk

    def _read_patch(self, m: Module) -> Signal:
        """Read one patch line per cycle until the chunks of all positions are read; return the words left."""
        shape, columns = self._shape, self._shape.patch_columns
        words_of = [[q * words for q in range(shape.positions + 1)] for words in shape.chunk_words]
        words = Signal(range(self._most_words + 1))
        words_left, words_left_now, offset = (
            Signal.like(words),
            Signal.like(words),
            Signal.like(self.patch_offset),
        )
        reads = [[ceil_div(n, columns) for n in per_q] for per_q in words_of]
        m.d.comb += [
            words.eq(select([select(per_q, self.positions) for per_q in words_of], self.mode)),
            self.window_reads.eq(select([select(per_q, self.positions) for per_q in reads], self.mode)),
            words_left_now.eq(Mux(self.window_start, words, words_left)),
            self.patch_offset.eq(Mux(self.window_start, 0, offset)),
            self.patch_read.eq(self.active & (words_left_now != 0)),
        ]
        m.d.sync += [
            words_left.eq(Mux(words_left_now > columns, words_left_now - columns, 0)),
            offset.eq(Mux(self.patch_read, self.patch_offset + columns, self.patch_offset)),
        ]
        return words_left_now

    def _end_window(self, m: Module, words_left: Signal) -> Signal:
        """Return whether the window ends: walkers, patch reads and the accumulate latency are through."""
        least = self._shape.machine.mvu.accumulate_latency_cycles
        cycles, cycles_now = Signal(range(least + 1)), Signal(range(least + 1))
        chunk_end = Signal()
        reads_end = words_left <= self._shape.patch_columns
        m.d.comb += [
            cycles_now.eq(Mux(self.window_start, 0, cycles)),
            chunk_end.eq(self.active & self.walkers_finished & reads_end & (cycles_now + 1 >= least)),
            self.pass_end.eq(chunk_end & self.last_chunk),
            self.job_end.eq(self.pass_end & ~self.walkers_more),
        ]
        m.d.sync += cycles.eq(Mux(cycles_now == least, least, cycles_now + 1))
        return chunk_end

    def _keep_state(self, m: Module, chunk_end: Signal) -> None:
        """Keep this cycle's job and chunk for the next cycle."""
        m.d.sync += [
            self._busy.eq(self.active & ~self.job_end),
            self._wide.eq(self.wide),
            self._slot.eq(self.slot),
            self._first.eq(self.first_chunk),
            self._new_window.eq(chunk_end),
            self._new_pass.eq(self.pass_end),
            self._values.eq(self.values),
            self._line.eq(self.chunk_line),
            self._column.eq(self.chunk_column),
            self._base.eq(self.weight_base),
        ]

    def _move_to_next_chunk(self, m: Module, chunk_end: Signal, per_chunk: Signal) -> None:
        """Move on to the row's next chunk when the present one ends."""
        columns = self._shape.patch_columns
        words, accesses_of = self._shape.chunk_words, self._shape.weight_accesses
        with m.If(chunk_end):
            step_lines = select([each // columns for each in words], self.mode)
            moved, wraps = Signal(range(2 * columns)), Signal()
            m.d.comb += [
                moved.eq(self.chunk_column + select([each % columns for each in words], self.mode)),
                wraps.eq(moved >= columns),
            ]
            accesses = select(accesses_of, self.mode)
            m.d.sync += [
                self._values.eq(self.values - per_chunk),
                self._line.eq(self.chunk_line + step_lines + wraps),
                self._column.eq(Mux(wraps, moved - columns, moved)),
                self._base.eq(self.weight_base + self.rows_stride * accesses),
            ]
