"""Sections 5 and 6 of ``docs/machine.md``, compiled: when every job of a tile runs, and when a tile's weights are there.

A core's jobs are followed from one choice of the MVU to the next. Approximate jobs run in block order, and so do
precise jobs, since masks become valid in block order; so at any choice there are two candidates at most.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from accelsim.arrays import Ints
from accelsim.engine.compiled.engine_sums import SCHEDULE
from accelsim.engine.compiled.jit import compiled, helper

_NEVER = 1 << 62


class Services(NamedTuple):
    """Service times that no mask changes, or their rows in the array of them (`SERVICE`)."""

    front: int
    approximate: int
    select: int
    write_noise: int


SERVICE = Services(*range(len(Services._fields)))


class Timing(NamedTuple):
    """What the schedule of a tile depends on besides its service times. Names as in `Machine`.

    ``one_core``: the first core has all blocks, the others have none.
    """

    dense: int
    cores: int
    one_core: int
    interleaved: int
    slots: int
    approximate_first: int
    pipeline_depth_cycles: int
    select_latency_cycles: int


class _CoreBlocks(NamedTuple):
    """The blocks of a core: that many of the tile's, from ``first`` on, each ``step`` after the one before."""

    first: int
    blocks: int
    step: int


class _Cycles(NamedTuple):
    """Service times of an image's blocks, numbered as in the tile. Arrays as `tile_schedule` takes them."""

    service: Ints
    precise: Ints
    write: Ints


class _Moments(NamedTuple):
    """When the blocks of a core, numbered as in the core, are released and have a valid mask (blocks,).

    released: -1 for a block whose last write is not scheduled yet.
    """

    released: Ints
    valid: Ints


@helper
def _dense_core(mine: _CoreBlocks, cycles: _Cycles, timing: Timing, released: Ints, total: Ints) -> int:
    """Run a core that approximates nothing; return the cycle at which it ends."""
    service, precise, write = cycles.service, cycles.precise, cycles.write
    fetched, free, written = 0, 0, 0
    for number in range(mine.blocks):
        block = mine.first + number * mine.step
        slot_free = released[number - timing.slots] if number >= timing.slots else 0
        total[SCHEDULE.front_idle_slot_cycles] += max(slot_free - fetched, 0)
        fetched = max(fetched, slot_free) + service[SERVICE.front, block]
        total[SCHEDULE.mvu_idle_input_cycles] += max(fetched - free, 0)
        free = max(free, fetched) + precise[block]
        written = max(written, free + timing.pipeline_depth_cycles) + write[block]
        released[number] = written
    total[SCHEDULE.mvu_idle_drain_cycles] += written - free
    total[SCHEDULE.front_idle_done_cycles] += written - fetched
    return written


@helper
def _core(mine: _CoreBlocks, cycles: _Cycles, timing: Timing, moments: _Moments, total: Ints) -> int:
    """Run a core that approximates; return the cycle at which it ends."""
    service, precise, write = cycles.service, cycles.precise, cycles.write
    released, valid = moments.released, moments.valid
    first, blocks, step = mine.first, mine.blocks, mine.step
    approximated, finished = 0, 0  # blocks 0 .. number - 1 are; then a block may be next
    fetched, selected, written, free = 0, 0, 0, 0  # when each server is done with what it has been given
    is_fetched = False  # whether `fetched` is already that of block number `approximated`
    while True:
        while finished < approximated and precise[first + finished * step] == 0:
            finished += 1
        if approximated == blocks and finished == blocks:
            break
        if approximated < blocks and not is_fetched:
            before = approximated - timing.slots  # its slot is the one to wait for
            slot_free = released[before] if before >= 0 else 0
            if slot_free >= 0:
                total[SCHEDULE.front_idle_slot_cycles] += max(slot_free - fetched, 0)
                fetched = max(fetched, slot_free) + service[SERVICE.front, first + approximated * step]
                is_fetched = True
        may_approximate = fetched if is_fetched else _NEVER
        may_finish = valid[finished] if finished < approximated else _NEVER
        now = max(free, min(may_approximate, may_finish))
        if may_approximate <= now and (timing.approximate_first or may_finish > now):
            block = first + approximated * step
            total[SCHEDULE.mvu_idle_input_cycles] += now - free
            free = now + service[SERVICE.approximate, block]
            drained = free + timing.pipeline_depth_cycles
            written = max(written, drained) + service[SERVICE.write_noise, block]
            selected = max(selected, drained) + service[SERVICE.select, block]
            valid[approximated] = selected + timing.select_latency_cycles
            released[approximated] = max(written, valid[approximated]) if precise[block] == 0 else -1
            approximated += 1
            is_fetched = False
        else:
            block = first + finished * step
            total[SCHEDULE.mvu_idle_select_cycles] += now - free
            free = now + precise[block]
            written = max(written, free + timing.pipeline_depth_cycles) + write[block]
            released[finished] = written
            finished += 1
    end = max(written, valid[blocks - 1]) if blocks > 0 else written
    total[SCHEDULE.mvu_idle_drain_cycles] += end - free
    total[SCHEDULE.front_idle_done_cycles] += end - fetched
    return end


@compiled
def tile_schedule(
    service: Ints, precise: Ints, write: Ints, timing: Timing, durations: Ints, totals: Ints
) -> None:
    """Run a tile on all cores.

    Args:
        service: int64 (services, blocks), cycles by `SERVICE`.
        precise: int64 (images, blocks), cycles of the precise jobs.
        write: int64 (images, blocks), cycles of the write-backs.
        timing: The machine's timing.
        durations: int64 (images,), set to the cycles from the tile's start to its end.
        totals: int64 (images, sums), by `SCHEDULE`; added to.
    """
    images, blocks = precise.shape
    released, valid = np.empty(blocks, np.int64), np.empty(blocks, np.int64)
    moments = _Moments(released, valid)
    for image in range(images):
        total = totals[image]
        cycles = _Cycles(service, precise[image], write[image])
        ends, last = 0, 0
        for core in range(timing.cores):
            if timing.one_core:
                mine = _CoreBlocks(0, 0 if core else blocks, 1)
            elif timing.interleaved:
                mine = _CoreBlocks(core, max(0, -(-(blocks - core) // timing.cores)), timing.cores)
            else:
                first = core * blocks // timing.cores
                mine = _CoreBlocks(first, (core + 1) * blocks // timing.cores - first, 1)
            if timing.dense:
                end = _dense_core(mine, cycles, timing, released, total)
            else:
                end = _core(mine, cycles, timing, moments, total)
            ends += end
            last = max(last, end)
        durations[image] = last
        total[SCHEDULE.core_cycles] += timing.cores * last
        total[SCHEDULE.barrier_cycles] += timing.cores * last - ends


@compiled
def dram_waits(durations: Ints, load_cycles: Ints, fits: Ints, code_passes: Ints, waits: Ints) -> None:
    """Set the cycles that every tile waits for its weights (section 6, "DRAM").

    Args:
        durations: int64 (tiles, images), cycles of each tile.
        load_cycles: int64 (tiles,), cycles of each load.
        code_passes: int64 (tiles,), cycles of the code pass before each tile.
        fits: int64 (tiles,), 1 where a tile's weights fit beside those of the tile before.
        waits: int64 (tiles, images), set.
    """
    for image in range(durations.shape[1]):
        loaded, started, ended = 0, 0, 0
        for tile in range(durations.shape[0]):
            loaded = max(loaded, started if fits[tile] else ended) + load_cycles[tile]
            ready = ended + code_passes[tile]
            started = max(loaded, ready)
            waits[tile, image] = started - ready
            ended = started + durations[tile, image]
