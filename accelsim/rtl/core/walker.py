"""The walker of a VPU: which (row, position) pair it works on in every cycle, found in the masks themselves.

A job's pairs stand in `todo`. A pass takes, of each position, its next `a` rows: the walker goes through the
rows in ascending order, counts the rows that each position has had, and passes over positions that are full.
What is left at the end of a walk is the next pass's `todo`, so no rank is ever computed or stored.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.core.core_shape import CoreShape
from accelsim.rtl.core.pipeline import encode, lowest, population


class Walker(wiring.Component):
    """One VPU's part of the MVU's windows. All outputs belong to the present cycle.

    Inputs: ``job_start`` and ``window_start`` mark first cycles; ``pairs`` (bit ``p * rows + r``) are the job's
    in that cycle; ``pass_end`` marks the last cycle of a pass.
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
                "wide": In(1),
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
        positions, rows, full = range(shape.positions), shape.rows, shape.rows_in_pass
        hold = shape.machine.mvu.hold_weights
        accesses = shape.most_weight_accesses

        def now(name: str, width: int, start: object, reset: object) -> tuple[Signal, Signal]:
            """A register and its value in this cycle: `reset` in a cycle with `start`."""
            register, value = Signal(width, name=name), Signal(width, name=f"{name}_now")
            m.d.comb += value.eq(Mux(start, reset, register))
            return register, value

        todo, todo_now = now("todo", len(self.pairs), self.job_start, self.pairs)
        walk, walk_now = now("walk", len(self.pairs), self.window_start, todo_now)
        spent, spent_now = now("spent", accesses.bit_length(), self.window_start, 0)
        steps, steps_now = now("steps", len(self.psum) + 1, self.window_start, 0)
        taken = [now(f"taken_{p}", full.bit_length(), self.window_start, 0) for p in positions]

        # Pairs that may still be taken in this pass, by position; then the row: the present slot's, or the lowest.
        open_pairs = [
            walk_now[p * rows : (p + 1) * rows] & (taken[p][1] != full).replicate(rows) for p in positions
        ]
        candidates, row_held, row = Signal(rows), Signal(rows), Signal(rows)
        in_slot = Signal()
        any_position = open_pairs[0]
        for pairs in open_pairs[1:]:
            any_position = any_position | pairs
        m.d.comb += [
            candidates.eq(any_position),
            in_slot.eq(spent_now != 0),
            row.eq(Mux(in_slot, row_held, lowest(m, candidates, "row_search"))),
        ]
        here, chosen = Signal(len(positions)), Signal(len(positions))
        m.d.comb += [
            here.eq(Cat((pairs & row).any() for pairs in open_pairs)),
            chosen.eq(lowest(m, here, "pair_search")),
            self.working.eq(self.active & (in_slot | candidates.any())),
            self.step.eq(self.active & here.any() & (1 if hold else ~in_slot)),
            self.position.eq(encode(chosen)),
            self.row.eq(encode(row)),
            self.psum.eq(steps_now),
            self.slot_start.eq(self.working & ~in_slot),
        ]

        # A slot lasts until its weights are read and, if they are held, all its pairs have had their step.
        wanted, stays, reads_left = Signal.like(spent), Signal(), Signal()
        narrow, wide = shape.weight_accesses
        m.d.comb += [
            wanted.eq(Mux(self.wide, wide, narrow)),
            self.read.eq(self.working & (spent_now < wanted)),
            self.access.eq(spent_now),
            reads_left.eq(spent_now + 1 < wanted),
            stays.eq(self.working & (reads_left | ((here & ~chosen).any() if hold else 0))),
        ]

        # What is left after this cycle.
        left = Signal(len(self.pairs))
        still_open = []
        for p in positions:
            takes, after = Signal(name=f"takes_{p}"), Signal(full.bit_length(), name=f"taken_{p}_after")
            part = slice(p * rows, (p + 1) * rows)
            m.d.comb += [
                takes.eq(self.step & chosen[p]),
                after.eq(taken[p][1] + takes),
                left[part].eq(walk_now[part] & ~(row & takes.replicate(rows))),
            ]
            m.d.sync += taken[p][0].eq(after)
            still_open.append((after != full) & left[part].any())
        m.d.comb += [
            self.finished.eq(~stays & (population(still_open) == 0)),
            self.more.eq(left.any()),
        ]
        with m.If(self.active):
            m.d.sync += [
                walk.eq(left),
                todo.eq(Mux(self.pass_end, left, todo_now)),
                steps.eq(steps_now + self.step),
                row_held.eq(row),
                spent.eq(Mux(stays, Mux(spent_now == accesses, accesses, spent_now + 1), 0)),
            ]
        return m
