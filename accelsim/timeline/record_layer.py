"""Run one layer on the reference engine and keep when each job was served."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from accelsim.arrays import Ints
from accelsim.config import Machine
from accelsim.engine.reference_engine import run_work
from accelsim.errors import AccelsimError
from accelsim.machine import Job
from accelsim.mapping import TileWork, map_layer, tile_layer
from accelsim.mapping.block_work import BlockWork, RegularWork
from accelsim.mapping.core_work import core_blocks
from accelsim.mapping.tiling import Tile
from accelsim.timeline.charge import JOBS, job_counts
from accelsim.timeline.layer_schedule import CodePassSchedule, CoreSchedule, LayerSchedule, TileSchedule
from accelsim.trace import LayerTrace

Check = Callable[[Ints], None]
"""Called with the number of jobs of every block of the layer before anything is run; may raise AccelsimError."""


class _Recorder:
    """The observer: the end of every job, by tile, core and job; -1 for those that do not exist."""

    def __init__(self, works: list[TileWork], progress: Callable[[str], None] | None) -> None:
        self.progress = progress
        self.ends: list[list[dict[Job, Ints]]] = [
            [{job: np.full(len(core.blocks.front), -1, np.int64) for job in JOBS} for core in work.cores]
            for work in works
        ]
        self.tiles: dict[int, tuple[int, int]] = {}
        self.loads: dict[int, tuple[int, int]] = {}
        self.code_pass: tuple[int, int] | None = None

    def tile_ended(self, tile: int, start: int, end: int) -> None:
        self.tiles[tile] = (start, end)
        if self.progress is not None:
            self.progress(f"tile {tile}, until cycle {end}")

    def codes_made(self, tile: int, start: int, end: int) -> None:
        self.code_pass = (start, end)

    def tile_loaded(self, tile: int, start: int, end: int) -> None:
        self.loads[tile] = (start, end)

    def job_ended(self, tile: int, core: int, job: Job, block: int, end: int) -> None:
        self.ends[tile][core][job][block] = end


def record_layer(
    layer: LayerTrace,
    machine: Machine,
    image: int = 0,
    check: Check | None = None,
    progress: Callable[[str], None] | None = None,
) -> LayerSchedule:
    """The schedule of one image of a layer, the layer by itself as ``simulate(layers=[...])`` runs it.

    image: index into the layer's masks. check: see `Check`. progress: called with a short text after every tile.
    Raises AccelsimError if the layer cannot run on the machine, or there is no such image.
    """
    if not 0 <= image < layer.images:
        raise AccelsimError(f"layer {layer.name}: no image {image}; it has 0 to {layer.images - 1}")
    tiles = tile_layer(layer, machine)
    works = list(map_layer(layer, machine, image))
    per_tile = sum(len(core.blocks.front) for core in works[0].cores)
    mine = list(core_blocks(per_tile, tiles[0], machine))
    if check is not None:
        check(_jobs_per_block(works, mine, per_tile))

    recorder = _Recorder(works, progress)
    (counts,) = run_work([works], machine, recorder)

    made = recorder.code_pass
    schedules, free = [], 0 if made is None else made[1]
    for number, (tile, work) in enumerate(zip(tiles, works, strict=True)):
        start, end = recorder.tiles[number]
        schedules.append(
            TileSchedule(
                waits_from=free,
                start=start,
                end=end,
                loaded=recorder.loads.get(number),
                load_bits=tile.load_bits,
                cores=_core_schedules(tile, work, mine, recorder.ends[number], number * per_tile, machine),
            )
        )
        free = end
    before = None if made is None else CodePassSchedule(*made, works[0].code_pass.counts)
    selects = layer.masks is not None
    return LayerSchedule(
        layer.name, machine, layer.is_dense, selects, per_tile, before, tuple(schedules), counts
    )


def _services(blocks: BlockWork[Ints]) -> dict[Job, Ints]:
    return {job: blocks.front if job == "fetch" else getattr(blocks, job) for job in JOBS}


def _jobs_per_block(works: list[TileWork], mine: list[Ints], per_tile: int) -> Ints:
    jobs = np.zeros((len(works), per_tile), np.int64)
    for number, work in enumerate(works):
        for core, blocks in zip(work.cores, mine, strict=True):
            for cycles in _services(core.blocks).values():
                jobs[number, blocks] += cycles > 0
    return jobs.reshape(-1)


def _core_schedules(
    tile: Tile,
    work: TileWork,
    mine: list[Ints],
    ends: list[dict[Job, Ints]],
    first_block: int,
    machine: Machine,
) -> tuple[CoreSchedule, ...]:
    common = RegularWork.of(tile, machine).all_blocks().counts
    schedules = []
    for core, blocks, end in zip(work.cores, mine, ends, strict=True):
        services = _services(core.blocks)
        schedules.append(
            CoreSchedule(
                blocks=blocks + first_block,
                start={job: np.where(end[job] < 0, -1, end[job] - services[job]) for job in JOBS},
                end=end,
                counts=job_counts(
                    core.dense,
                    {name: counts[blocks] for name, counts in common.items()},
                    core.blocks.counts,
                    core.selects,
                ),
            )
        )
    return tuple(schedules)
