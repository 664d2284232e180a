"""The walker of a VPU: which (row, position) pair it works on in every cycle, found in the masks themselves.

A job's pairs stand in `todo`. A pass takes, of each position, its next `a` rows (more in a block of fewer positions,
which share the same psums): the walker goes through the
rows in ascending order, counts the rows that each position has had, and passes over positions that are full.
What is left at the end of a walk is the next pass's `todo`, so no rank is ever computed or stored.
"""

from __future__ import annotations

from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, ValueLike
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.core.core_shape import CoreShape
from accelsim.rtl.core.pipeline import encode, lowest, population, select


class Walker(wiring.Component):
    """One VPU's part of the MVU's windows. All outputs belong to the present cycle.

    Inputs: ``job_start`` and ``window_start`` mark first cycles; ``pairs`` (bit ``p * rows + r``) are the job's
    in that cycle; ``pass_end`` marks the last cycle of a pass; ``mode`` is that of its
    operands (`CoreShape.precisions`), ``positions`` q of its block.
    Outputs: ``step`` with ``row``, ``position`` and ``psum`` (the step's number within the window, the same in
    every chunk of a pass); ``read`` of weight access ``access`` of that row; ``slot_start``, the first cycle of
    a row slot; ``working``; ``finished``: nothing of this chunk is left after this cycle; ``more``: pairs are
    left for a further pass.
    """

    def __init__(self, shape: CoreShape) -> None:
        self._shape = shape
        super().__init__(
            {
                "active": In(1),
                "job_start": In(1),
                "window_start": In(1),
                "pass_end": In(1),
                "mode": In(range(len(shape.precisions))),
                "positions": In(range(shape.positions + 1)),
                "pairs": In(shape.positions * shape.rows),
                "step": Out(1),
                "position": Out(range(shape.positions)),
                "psum": Out(range(shape.vpu.accumulators)),
                "row": Out(range(shape.rows)),
                "slot_start": Out(1),
                "read": Out(1),
                "access": Out(range(shape.most_weight_accesses + 1)),
                "working": Out(1),
                "finished": Out(1),
                "more": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self._shape
        most_accesses = shape.most_weight_accesses.bit_length()
        most_rows = min(max(shape.rows_in_pass), shape.rows)  # a VPU has no more
        new = self.window_start
        self._todo, self._todo_now = _register(m, "todo", len(self.pairs), self.job_start, self.pairs)
        self._walk, self._walk_now = _register(m, "walk", len(self.pairs), new, self._todo_now)
        self._spent, self._spent_now = _register(m, "spent", most_accesses, new, 0)
        self._steps, self._steps_now = _register(m, "steps", len(self.psum) + 1, new, 0)
        self._taken = [
            _register(m, f"taken_{p}", most_rows.bit_length(), new, 0) for p in range(shape.positions)
        ]
        self._candidates, self._row_held, self._row = (
            Signal(shape.rows),
            Signal(shape.rows),
            Signal(shape.rows),
        )
        self._in_slot = Signal(name="in_slot")
        self._full = Signal(range(most_rows + 1), name="full")
        m.d.comb += self._full.eq(
            select(
                [Const(min(rows, most_rows), range(most_rows + 1)) for rows in shape.rows_in_pass],
                self.positions,
            )
        )
        self._here, self._chosen = Signal(shape.positions), Signal(shape.positions, name="chosen")

        open_pairs = self._find_row(m)
        self._find_pair(m, open_pairs)
        stays = self._hold_slot(m)
        left = self._take_pair(m, stays)
        self._keep_state(m, stays, left)
        return m

    def _find_row(self, m: Module) -> list[Value]:
        """Find the row (one-hot): the present slot's, or the lowest one with a pair that this pass may take.

        Return these pairs, one bit per row, for each position.
        """
        rows, full = self._shape.rows, self._full
        open_pairs = [
            self._walk_now[p * rows : (p + 1) * rows] & (taken_now != full).replicate(rows)
            for p, (_, taken_now) in enumerate(self._taken)
        ]
        m.d.comb += [
            self._candidates.eq(reduce(or_, open_pairs)),
            self._in_slot.eq(self._spent_now != 0),
            self._row.eq(Mux(self._in_slot, self._row_held, lowest(m, self._candidates, "row_search"))),
        ]
        return open_pairs

    def _find_pair(self, m: Module, open_pairs: list[Value]) -> None:
        """Find the row's lowest position with an open pair, and issue its step."""
        here, chosen, in_slot = self._here, self._chosen, self._in_slot
        hold = self._shape.machine.mvu.hold_weights
        m.d.comb += [
            here.eq(Cat((pairs & self._row).any() for pairs in open_pairs)),
            chosen.eq(lowest(m, here, "pair_search")),
            self.working.eq(self.active & (in_slot | self._candidates.any())),
            self.step.eq(self.active & here.any() & (1 if hold else ~in_slot)),
            self.position.eq(encode(chosen)),
            self.row.eq(encode(self._row)),
            self.psum.eq(self._steps_now),
            self.slot_start.eq(self.working & ~in_slot),
        ]

    def _hold_slot(self, m: Module) -> Signal:
        """Return whether the row slot goes on after this cycle.

        It lasts until its weights are read and, if the machine holds weights, all its pairs have had their step.
        """
        wanted, stays, reads_left = Signal.like(self._spent), Signal(), Signal()
        others = (self._here & ~self._chosen).any() if self._shape.machine.mvu.hold_weights else 0
        m.d.comb += [
            wanted.eq(select(self._shape.weight_accesses, self.mode)),
            self.read.eq(self.working & (self._spent_now < wanted)),
            self.access.eq(self._spent_now),
            reads_left.eq(self._spent_now + 1 < wanted),
            stays.eq(self.working & (reads_left | others)),
        ]
        return stays

    def _take_pair(self, m: Module, stays: Signal) -> Signal:
        """Take the pair of this cycle's step; return the pairs that are left after it."""
        rows, full = self._shape.rows, self._full
        left = Signal(len(self.pairs))
        still_open = []
        for p, (taken, taken_now) in enumerate(self._taken):
            takes, after = Signal(name=f"takes_{p}"), Signal.like(taken, name=f"taken_{p}_after")
            part = slice(p * rows, (p + 1) * rows)
            m.d.comb += [
                takes.eq(self.step & self._chosen[p]),
                after.eq(taken_now + takes),
                left[part].eq(self._walk_now[part] & ~(self._row & takes.replicate(rows))),
            ]
            m.d.sync += taken.eq(after)
            still_open.append((after != full) & left[part].any())
        m.d.comb += [
            self.finished.eq(~stays & (population(still_open) == 0)),
            self.more.eq(left.any()),
        ]
        return left

    def _keep_state(self, m: Module, stays: Signal, left: Signal) -> None:
        """Keep what is left, and the row slot under way, for the next cycle."""
        most, spent_now = self._shape.most_weight_accesses, self._spent_now
        with m.If(self.active):
            m.d.sync += [
                self._walk.eq(left),
                self._todo.eq(Mux(self.pass_end, left, self._todo_now)),
                self._steps.eq(self._steps_now + self.step),
                self._row_held.eq(self._row),
                self._spent.eq(Mux(stays, Mux(spent_now == most, most, spent_now + 1), 0)),
            ]


def _register(m: Module, name: str, width: int, start: ValueLike, reset: ValueLike) -> tuple[Signal, Signal]:
    """Return a register and its value in this cycle, which is `reset` in a cycle with `start`."""
    register, value = Signal(width, name=name), Signal(width, name=f"{name}_now")
    m.d.comb += value.eq(Mux(start, reset, register))
    return register, value
