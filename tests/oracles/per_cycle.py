"""An independent simulator of docs/machine.md, written from that page alone: a plain loop over cycles.

Slow and literal on purpose. It shares no timing code with accelsim; a disagreement with an engine is a
mistake in one of them, or a hole in the page.
"""

from __future__ import annotations

from collections.abc import Sequence

from accelsim.config import Machine
from accelsim.counts import COUNT_NAMES
from accelsim.trace import LayerTrace
from tests.oracles.jobs import (
    Job,
    Operand,
    Tally,
    active_rows,
    code_pass_job,
    front_end_job,
    mvu_job,
    neuron_job,
    selector_job,
    write_job,
)
from tests.oracles.layout import Tile, ceil_div, lay_out, slice_lines

CYCLE_LIMIT = 5_000_000


Schedule = dict[tuple[str, int], tuple[int, int]]
"""(kind of job, block) to the cycles at which it starts and ends; a mask's two are when it becomes valid."""


def oracle_image(
    layers: Sequence[LayerTrace], machine: Machine, image: int = 0, schedules: list[Schedule] | None = None
) -> list[dict[str, int]]:
    """All counts of one image, a dict of COUNT_NAMES for each layer. Raises DoesNotFit.

    schedules: gets one schedule appended for each core of each tile, in the order in which they start.
    """
    tallies = [dict.fromkeys(COUNT_NAMES, 0) for _ in layers]
    tiles = lay_out(layers, machine, image)
    channel = Channel(tiles, machine, tallies)
    running: list[CoreOnTile] = []
    tiles_started = tiles_ended = 0
    passing: list[Job] = []
    passed = -1
    for now in range(CYCLE_LIMIT):
        channel.advance()
        for core in running:
            core.tick(now)
        if running and all(core.has_ended for core in running):
            running = []
            tiles_ended += 1
        if tiles_ended == len(tiles):
            return tallies
        tile = tiles[tiles_ended]
        tally = tallies[tile.layer]
        if not running and tile.code_pass is not None and passed < tiles_ended:
            passed = tiles_ended
            passing = [code_pass_job(tally, tile.code_pass, machine) for _ in range(machine.cores)]
        going_on = [job for job in passing if next(job, "ended") != "ended"]
        passing = going_on
        if not running and not passing and channel.loaded > tiles_ended:
            running = [CoreOnTile(tile, blocks, machine, tally) for blocks in tile.core_blocks]
            tiles_started += 1
            if schedules is not None:
                schedules += [core.schedule for core in running]
            for core in running:
                core.tick(now)
        channel.start_next(tiles_started, tiles_ended)
        # From here on the cycle `now` is spent.
        tally["core_cycles"] += machine.cores
        if passing:
            tally["code_pass_cycles"] += machine.cores
        elif not running:
            tally["dram_cycles"] += machine.cores
        tally["barrier_cycles"] += sum(core.has_ended for core in running)
    raise RuntimeError("the oracle does not come to an end")


class Channel:
    """The DRAM channel (section 6): loads tile after tile; without DRAM everything is there at once."""

    def __init__(self, tiles: Sequence[Tile], machine: Machine, tallies: Sequence[Tally]) -> None:
        self.tiles, self.machine, self.tallies = tiles, machine, tallies
        self.loaded = len(tiles) if machine.dram is None else 0
        self.cycles_left = 0

    def advance(self) -> None:
        """Let the cycle before this one have passed."""
        if self.cycles_left:
            self.cycles_left -= 1
            self.loaded += self.cycles_left == 0

    def start_next(self, tiles_started: int, tiles_ended: int) -> None:
        number = self.loaded
        if self.cycles_left or number == len(self.tiles) or self.machine.dram is None:
            return
        tile = self.tiles[number]
        if number > 0:
            lines_used = self.tiles[number - 1].slice_lines_used + tile.slice_lines_used
            fits_beside = lines_used <= slice_lines(self.machine)
            if (tiles_started if fits_beside else tiles_ended) < number:
                return
        bytes_ = ceil_div(tile.weight_bits, 8)
        self.cycles_left = self.machine.dram.latency_cycles + ceil_div(
            bytes_, self.machine.dram.bytes_per_cycle
        )
        self.tallies[tile.layer]["dram_bits"] += tile.weight_bits


class Server:
    """One job at a time, without preemption. A job's generator yields once for each cycle it occupies."""

    def __init__(self) -> None:
        self.job: Job | None = None
        self.name = ("", 0)
        self.started = 0
        self.idle_cycles = 0
        """Since the last job."""

    def advance(self) -> tuple[str, int] | None:
        """Work on in this cycle; if the job has ended before it instead, its name and block."""
        if self.job is None:
            return None
        try:
            next(self.job)
        except StopIteration:
            self.job = None
            return self.name
        return None

    def start(self, kind: str, block: int, job: Job, now: int) -> int:
        """Begin in this cycle. Returns the idle cycles just before."""
        assert self.job is None
        next(job)
        self.name, self.job, self.started = (kind, block), job, now
        idle, self.idle_cycles = self.idle_cycles, 0
        return idle


class CoreOnTile:
    """One core going through its blocks of one tile (section 5)."""

    def __init__(self, tile: Tile, blocks: Sequence[Sequence[int]], machine: Machine, tally: Tally) -> None:
        self.tile, self.blocks, self.machine, self.tally = tile, blocks, machine, tally
        self.front_end, self.mvu, self.selector, self.output_port = Server(), Server(), Server(), Server()
        self.has_ended = not blocks
        self.has_essential = [any(tile.essential[position] for position in block) for block in blocks]
        self.next_fetch = 0
        self.released: set[int] = set()
        self.to_approximate: set[int] = set()
        self.to_compute: set[int] = set()
        self.to_select: list[tuple[int, int]] = []
        self.to_write: list[tuple[int, str, int]] = []
        """Each with the cycle at which it may start, in that order."""
        self.mask_valid_at: dict[int, int] = {}
        self.outstanding: set[tuple[str, int]] = set()
        """What the core's end waits for."""
        self.schedule: Schedule = {}
        for number, block in enumerate(blocks):
            tally["blocks"] += 1
            essential = sum(len(tile.essential[position]) for position in block)
            tally["essential_neurons"] += essential
            if not tile.is_dense:
                self.outstanding.add(("write z~", number))
            if tile.selects:
                self.outstanding.add(("mask", number))
            if essential:
                self.outstanding.add(("write z", number))

    def tick(self, now: int) -> None:
        """First see all that ends or becomes valid at `now`, then start what may start; spend the cycle."""
        if self.has_ended:
            return
        for server in (self.front_end, self.mvu, self.selector, self.output_port):
            ended = server.advance()
            if ended:
                self.schedule[ended] = (server.started, now)
                self._see_end(*ended, now)
        for block in [block for block, at in self.mask_valid_at.items() if at <= now]:
            self.schedule["mask", block] = (now, now)
            self._see_mask(block)
        if not self.outstanding:
            assert self.mvu.job is None and self.front_end.job is None
            self.has_ended = True
            self.tally["mvu_idle_drain_cycles"] += self.mvu.idle_cycles
            self.tally["front_idle_done_cycles"] += self.front_end.idle_cycles
            return
        self._start_fetch(now)
        self._start_mvu(now)
        self._start_select(now)
        self._start_write(now)
        for server in (self.front_end, self.mvu):
            server.idle_cycles += server.job is None

    def _see_end(self, kind: str, block: int, now: int) -> None:
        drained = now + self.machine.mvu.pipeline_depth_cycles
        if kind == "fetch":
            (self.to_compute if self.tile.is_dense else self.to_approximate).add(block)
        elif kind == "approximate":
            if self.tile.selects:
                self.to_select.append((drained, block))
            self.to_write.append((drained, "write z~", block))
        elif kind == "select":
            assert self.machine.selector is not None
            self.mask_valid_at[block] = now + self.machine.selector.latency_cycles
        elif kind == "precise":
            self.to_write.append((drained, "write z", block))
        else:
            self.outstanding.remove((kind, block))
            self._release_if_done(block)

    def _see_mask(self, block: int) -> None:
        del self.mask_valid_at[block]
        self.outstanding.remove(("mask", block))
        if self.has_essential[block]:
            self.to_compute.add(block)
        self._release_if_done(block)

    def _release_if_done(self, block: int) -> None:
        """Nothing of the block is outstanding any more: neither a write, nor its mask."""
        if not self.outstanding & {(kind, block) for kind in ("write z~", "mask", "write z")}:
            self.released.add(block)

    def _start_fetch(self, now: int) -> None:
        block, slots = self.next_fetch, self.machine.sequencer.lookahead + 1
        if self.front_end.job or block == len(self.blocks):
            return
        if block >= slots and block - slots not in self.released:
            return
        job = front_end_job(self.tally, self.tile, self.blocks[block], self.machine)
        self.tally["front_idle_slot_cycles"] += self.front_end.start("fetch", block, job, now)
        self.next_fetch += 1

    def _start_mvu(self, now: int) -> None:
        if self.mvu.job or not (self.to_approximate or self.to_compute):
            return
        order = self.machine.sequencer.mvu_order
        if not self.to_compute or not self.to_approximate:
            approximate = bool(self.to_approximate)
        else:
            approximate = order == "approximate_first"
        waiting = self.to_approximate if approximate else self.to_compute
        block = min(waiting)
        waiting.remove(block)
        tile, machine = self.tile, self.machine
        positions = self.blocks[block]
        rows = active_rows(tile, positions, machine.mvu.vpus, essential_only=not approximate)
        operand = (Operand.approximate if approximate else Operand.precise)(tile, machine)
        job = mvu_job(self.tally, tile, positions, operand, rows, machine)
        idle = self.mvu.start(operand.kind, block, job, now)
        waited_for = "input" if approximate or tile.is_dense else "select"
        self.tally[f"mvu_idle_{waited_for}_cycles"] += idle

    def _start_select(self, now: int) -> None:
        if self.selector.job is None and self.to_select and self.to_select[0][0] <= now:
            _, block = self.to_select.pop(0)
            self.selector.start(
                "select", block, selector_job(self.tally, self.tile, self.blocks[block], self.machine), now
            )

    def _start_write(self, now: int) -> None:
        if self.output_port.job is None and self.to_write and self.to_write[0][0] <= now:
            _, kind, block = self.to_write.pop(0)
            if self.tile.neuron_steps:
                job = neuron_job(self.tally, self.tile, self.blocks[block], self.machine)
            else:
                job = write_job(
                    self.tally, self.tile, self.blocks[block], self.machine, essential_only=kind == "write z"
                )
            self.output_port.start(kind, block, job, now)
