"""Who may start when (docs/machine.md, section 5): blocks, slots, the order of jobs, and the end of the tile.

Everything that ends in a cycle has changed these registers by the next, in which what waited for it may start.
"""

from __future__ import annotations

from typing import NamedTuple

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.core.core_shape import COORDINATE_BITS, CoreShape
from accelsim.rtl.core.pipeline import delayed


class _Queue:
    """First in, first out; ``head`` is the oldest item that was pushed in an earlier cycle.

    ``depth`` is the largest number of items that can ever wait.
    """

    def __init__(self, m: Module, name: str, width: int, depth: int) -> None:
        self._m, self._depth = m, depth
        self._items = Array(Signal(width, name=f"{name}_{i}") for i in range(depth))
        self._first = Signal(range(depth), name=f"{name}_first")
        self._count = Signal(range(depth + 1), name=f"{name}_count")
        self.some = self._count != 0
        self.head = self._items[self._first]

    def connect(self, clear: Value, push: Value, item: Value, pop: Value) -> None:
        """Connect the queue: `clear` empties it, `push` appends `item`, and `pop` removes the head."""
        m, depth = self._m, self._depth
        end, last = Signal(range(2 * depth)), Signal(range(depth))
        m.d.comb += [
            end.eq(self._first + self._count),
            last.eq(Mux(end >= depth, end - depth, end)),
        ]
        with m.If(clear):
            m.d.sync += [self._first.eq(0), self._count.eq(0)]
        with m.Else():
            m.d.sync += self._count.eq(self._count + push - pop)
            with m.If(push):
                m.d.sync += self._items[last].eq(item)
            with m.If(pop):
                m.d.sync += self._first.eq(Mux(self._first == depth - 1, 0, self._first + 1))


class _ValidMask(NamedTuple):
    """Whether the mask of a block gets valid in this cycle, the block's slot, and whether the mask has a bit."""

    valid: Value
    slot: Value
    essential: Value


class Scheduler(wiring.Component):
    """``load`` is the cycle before a tile's first, ``running`` its cycles; ``finished`` the one in which it has ended.
    With ``all_noise`` blocks are approximated and written, and neither selected nor computed precisely.

    ``*_start`` and ``*_end`` come from the units in a job's first and last cycle.
    """

    def __init__(self, shape: CoreShape) -> None:
        self._shape = shape
        slot = range(shape.slots)
        super().__init__(
            {
                "load": In(1),
                "running": In(1),
                "dense": In(1),
                "all_noise": In(1),
                "blocks": In(COORDINATE_BITS),
                "front_start": In(1),
                "front_end": In(1),
                "mvu_start": In(1),
                "mvu_end": In(1),
                "mvu_wide": In(1),
                "mvu_slot": In(slot),
                "select_start": In(1),
                "select_end": In(1),
                "any_essential": In(shape.slots),
                "output_start": In(1),
                "output_end": In(1),
                "front_ready": Out(1),
                "front_slot": Out(slot),
                "narrow_ready": Out(1),
                "narrow_slot": Out(slot),
                "wide_ready": Out(1),
                "wide_slot": Out(slot),
                "select_ready": Out(1),
                "select_slot": Out(slot),
                "output_ready": Out(1),
                "output_slot": Out(slot),
                "output_wide": Out(1),
                "blocks_waiting": Out(1),
                "finished": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._m = m
        self._blocks_left, self._unreleased = (
            Signal(COORDINATE_BITS),
            Signal(COORDINATE_BITS, name="unreleased"),
        )
        self._taken = [Signal(name=f"taken_{s}") for s in range(self._shape.slots)]
        self._fill_slots()
        if self._shape.approximates:
            self._waiting("narrow", self.front_end & ~self.dense, self.mvu_start & ~self.mvu_wide)
            self._advance(self.narrow_slot, self.mvu_start & ~self.mvu_wide)
        mask = _ValidMask(Value.cast(0), Value.cast(0), Value.cast(0))
        if self._shape.selects:
            mask = self._order_selection()
        self._queue_precise_jobs(mask)
        self._queue_writes()
        releases = [self._release_slot(s, mask) for s in range(self._shape.slots)]
        self._count_blocks(releases)
        return m

    def _fill_slots(self) -> None:
        """Let the front end fill slot after slot while blocks are left."""
        m = self._m
        m.d.comb += [
            self.blocks_waiting.eq(self._blocks_left != 0),
            self.front_ready.eq(self.running & self.blocks_waiting & ~Array(self._taken)[self.front_slot]),
        ]
        self._advance(self.front_slot, self.front_end)

    def _order_selection(self) -> _ValidMask:
        """Select blocks in the order in which they are approximated; return the mask that gets valid.

        Because the order is fixed, it is enough to count the blocks that wait.
        """
        m, machine = self._m, self._shape.machine
        depth = machine.mvu.pipeline_depth_cycles
        selectable = self.mvu_end & ~self.mvu_wide & ~self.all_noise
        approximated = delayed(m, selectable, depth, "approximated")
        self._waiting("select", approximated, self.select_start)
        self._advance(self.select_slot, self.select_end)
        latency = machine.selector.latency_cycles if machine.selector else 0
        late = delayed(m, Cat(self.select_end, self.select_slot), latency, "selected")
        return _ValidMask(late[0], late[1:], Array(self.any_essential)[late[1:]])

    def _queue_precise_jobs(self, mask: _ValidMask) -> None:
        """Queue precise jobs: dense blocks once fetched, others once their mask is valid and has a bit."""
        m = self._m
        precise = _Queue(m, "precise", len(self.wide_slot), self._shape.slots)
        m.d.comb += [self.wide_ready.eq(precise.some), self.wide_slot.eq(precise.head)]
        precise.connect(
            self.load,
            Mux(self.dense, self.front_end, mask.valid & mask.essential),
            Mux(self.dense, self.front_slot, mask.slot),
            self.mvu_start & self.mvu_wide,
        )

    def _queue_writes(self) -> None:
        """Queue the output port's writes in the order in which they may start."""
        m, shape = self._m, self._shape
        depth = shape.machine.mvu.pipeline_depth_cycles
        ended = delayed(m, Cat(self.mvu_end, self.mvu_wide, self.mvu_slot), depth, "ended")
        writes = _Queue(m, "writes", 1 + len(self.mvu_slot), 2 * shape.slots)
        m.d.comb += [
            self.output_ready.eq(writes.some),
            Cat(self.output_wide, self.output_slot).eq(writes.head),
        ]
        writes.connect(self.load, ended[0], ended[1:], self.output_end)

    def _release_slot(self, s: int, mask: _ValidMask) -> Signal:
        """Release slot `s` when its last write has ended and its mask, if any, is valid; return whether that is now."""
        m, taken = self._m, self._taken[s]
        mine = self.output_end & (self.output_slot == s)
        mask_known, has_essential = Signal(name=f"mask_known_{s}"), Signal(name=f"has_essential_{s}")
        noise_written, written = Signal(name=f"noise_written_{s}"), Signal(name=f"written_{s}")
        known, needs = Signal(name=f"knows_{s}"), Signal(name=f"needs_{s}")
        noise_done, done, release = (Signal(name=f"{name}_{s}") for name in ("noise_done", "done", "release"))
        now_valid = mask.valid & (mask.slot == s)
        m.d.comb += [
            known.eq(mask_known | now_valid),
            needs.eq(Mux(now_valid, mask.essential, has_essential)),
            noise_done.eq(noise_written | (mine & ~self.output_wide)),
            done.eq(written | (mine & self.output_wide)),
            release.eq(
                taken & Mux(self.dense, done, noise_done & (self.all_noise | (known & (done | ~needs))))
            ),
        ]
        m.d.sync += [
            mask_known.eq(known),
            has_essential.eq(needs),
            noise_written.eq(noise_done),
            written.eq(done),
        ]
        with m.If(release | self.load):
            m.d.sync += [mask_known.eq(0), noise_written.eq(0), written.eq(0), taken.eq(0)]
        with m.Elif(self.front_start & (self.front_slot == s)):
            m.d.sync += taken.eq(1)
        return release

    def _count_blocks(self, releases: list[Signal]) -> None:
        """Count the blocks that are left to start and to release; the tile ends with the last release."""
        m, blocks_left, unreleased = self._m, self._blocks_left, self._unreleased
        m.d.comb += self.finished.eq(self.running & (unreleased == 0))
        with m.If(self.load):
            m.d.sync += [blocks_left.eq(self.blocks), unreleased.eq(self.blocks)]
        with m.Else():
            m.d.sync += blocks_left.eq(blocks_left - self.front_start)
            m.d.sync += unreleased.eq(unreleased - sum(releases, start=Value.cast(0)))

    def _waiting(self, name: str, more: Value, taken: Value) -> None:
        """Count the blocks that wait; ``{name}_ready`` is set while there are any."""
        m = self._m
        count = Signal(range(self._shape.slots + 1), name=f"{name}_waiting")
        m.d.comb += getattr(self, f"{name}_ready").eq(count != 0)
        m.d.sync += count.eq(Mux(self.load, 0, count + more - taken))

    def _advance(self, slot: Signal, when: Value) -> None:
        """Move `slot` to the next slot after a cycle with `when`."""
        m, last = self._m, self._shape.slots - 1
        register = Signal.like(slot, name="next_slot")
        m.d.comb += slot.eq(register)
        with m.If(self.load):
            m.d.sync += register.eq(0)
        with m.Elif(when):
            m.d.sync += register.eq(Mux(register == last, 0, register + 1))
