"""Sections 5 and 6 of ``docs/machine.md``, compiled: when every job of a tile runs, and when a tile's weights are there.

A core's jobs are followed from one choice of the MVU to the next. Approximate jobs run in block order, and so do
precise jobs, since masks become valid in block order; so at any choice there are two candidates at most.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from accelsim.engine.compiled.jit import compiled
from accelsim.mapping.mvu_job import Ints

SUMS = (
    "core_cycles",
    "mvu_idle_input_cycles",
    "mvu_idle_select_cycles",
    "mvu_idle_drain_cycles",
    "front_idle_slot_cycles",
    "front_idle_done_cycles",
    "barrier_cycles",
)
"""What `tile_schedule` adds up, over cores."""
_CORE, _INPUT, _SELECT, _DRAIN, _SLOT, _DONE, _BARRIER = range(len(SUMS))

_FRONT, _APPROXIMATE, _SELECTION, _WRITE_NOISE = range(4)
_NEVER = 1 << 62


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


@compiled
def _dense_core(
    first: int,
    blocks: int,
    step: int,
    service: Ints,
    precise: Ints,
    write: Ints,
    released: Ints,
    timing: Timing,
    total: Ints,
) -> int:
    """Run a core that approximates nothing; the cycle at which it ends."""
    fetched, free, written = 0, 0, 0
    for number in range(blocks):
        block = first + number * step
        if number >= timing.slots and released[number - timing.slots] > fetched:
            total[_SLOT] += released[number - timing.slots] - fetched
            fetched = released[number - timing.slots]
        fetched += service[_FRONT, block]
        total[_INPUT] += max(fetched - free, 0)
        free = max(free, fetched) + precise[block]
        written = max(written, free + timing.pipeline_depth_cycles) + write[block]
        released[number] = written
    total[_DRAIN] += written - free
    total[_DONE] += written - fetched
    return written


@compiled
def _core(
    first: int,
    blocks: int,
    step: int,
    service: Ints,
    precise: Ints,
    write: Ints,
    released: Ints,
    valid: Ints,
    timing: Timing,
    total: Ints,
) -> int:
    """Run a core that approximates; the cycle at which it ends."""
    approximated, finished = 0, 0  # blocks 0 .. number - 1 are; then a block may be next
    fetched, selected, written, free = 0, 0, 0, 0  # when each server is done with what it has been given
    is_fetched = False  # whether `fetched` is already that of block number `approximated`
    while True:
        while finished < approximated and precise[first + finished * step] == 0:
            finished += 1
        if approximated == blocks and finished == blocks:
            break
        may_approximate = _NEVER
        if approximated < blocks:
            before = approximated - timing.slots  # its slot is the one to wait for
            if not is_fetched and (before < 0 or released[before] >= 0):
                if before >= 0 and released[before] > fetched:
                    total[_SLOT] += released[before] - fetched
                    fetched = released[before]
                fetched += service[_FRONT, first + approximated * step]
                is_fetched = True
            if is_fetched:
                may_approximate = fetched
        may_finish = valid[finished] if finished < approximated else _NEVER
        now = max(free, min(may_approximate, may_finish))
        if may_approximate <= now and (timing.approximate_first or may_finish > now):
            block = first + approximated * step
            total[_INPUT] += now - free
            free = now + service[_APPROXIMATE, block]
            drained = free + timing.pipeline_depth_cycles
            written = max(written, drained) + service[_WRITE_NOISE, block]
            selected = max(selected, drained) + service[_SELECTION, block]
            valid[approximated] = selected + timing.select_latency_cycles
            released[approximated] = max(written, valid[approximated]) if precise[block] == 0 else -1
            approximated += 1
            is_fetched = False
        else:
            block = first + finished * step
            total[_SELECT] += now - free
            free = now + precise[block]
            written = max(written, free + timing.pipeline_depth_cycles) + write[block]
            released[finished] = written
            finished += 1
    end = written
    if blocks > 0:
        end = max(end, valid[blocks - 1])
    total[_DRAIN] += end - free
    total[_DONE] += end - fetched
    return end


@compiled
def tile_schedule(
    service: Ints, precise: Ints, write: Ints, timing: Timing, durations: Ints, totals: Ints
) -> None:
    """Run a tile on all cores.

    service: int64 (4, blocks), cycles of the front end, the approximate job, the selector and the write of z~.
    precise, write: int64 (images, blocks) as `tile_jobs` makes them.
    durations: int64 (images,), set to the cycles from the tile's start to its end.
    totals: int64 (images, len(SUMS)), added to.
    """
    images, blocks = precise.shape
    released, valid = np.empty(blocks, np.int64), np.empty(blocks, np.int64)
    for image in range(images):
        total = totals[image]
        ends, last = 0, 0
        for core in range(timing.cores):
            if timing.one_core:
                first, step = 0, 1
                count = 0 if core else blocks
            elif timing.interleaved:
                first, step = core, timing.cores
                count = max(0, -(-(blocks - core) // step))
            else:
                first, step = core * blocks // timing.cores, 1
                count = (core + 1) * blocks // timing.cores - first
            if timing.dense:
                end = _dense_core(
                    first, count, step, service, precise[image], write[image], released, timing, total
                )
            else:
                end = _core(
                    first, count, step, service, precise[image], write[image], released, valid, timing, total
                )
            ends += end
            last = max(last, end)
        durations[image] = last
        total[_CORE] += timing.cores * last
        total[_BARRIER] += timing.cores * last - ends


@compiled
def dram_waits(durations: Ints, load_cycles: Ints, fits: Ints, waits: Ints) -> None:
    """Cycles that every tile waits for its weights (section 6, "DRAM").

    durations: int64 (tiles, images). load_cycles: int64 (tiles,). fits: int64 (tiles,), 1 where a tile's weights
    fit beside those of the tile before. waits: int64 (tiles, images), set.
    """
    for image in range(durations.shape[1]):
        loaded, started, ended = 0, 0, 0
        for tile in range(durations.shape[0]):
            loaded = max(loaded, started if fits[tile] else ended) + load_cycles[tile]
            started = max(loaded, ended)
            waits[tile, image] = started - ended
            ended = started + durations[tile, image]
