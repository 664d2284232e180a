"""The schedule of a layer: when each unit of each core served which block. Section numbers: docs/machine.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from accelsim.arrays import Ints
from accelsim.config import Machine
from accelsim.counts import Counts
from accelsim.machine import Job
from accelsim.timeline.charge import JobCounts

Unit = Literal["front end", "MVU", "selector", "output port"]
UNITS: dict[Unit, tuple[Job, ...]] = {
    "front end": ("fetch",),
    "MVU": ("approximate", "precise"),
    "selector": ("select",),
    "output port": ("write_noise", "write"),
}
"""The four servers of a core (section 5), and the jobs that each serves."""

Reason = Literal["input", "mask", "drain", "slot", "done", "barrier", "DRAM"]

UNIT_OF: dict[Job, Unit] = {job: unit for unit, jobs in UNITS.items() for job in jobs}


@dataclass(frozen=True, eq=False)
class CoreSchedule:
    """One core in one tile.

    blocks: the core's blocks, in order, numbered through the layer: the first tile's from 0, then the second's.
    start, end: by job, int64 (blocks,): the cycles start .. end - 1 since the start of the layer; both -1 where a
        block has no such job. counts: what each job counts.
    """

    blocks: Ints
    start: Mapping[Job, Ints]
    end: Mapping[Job, Ints]
    counts: JobCounts

    def ready(self, dense: bool, selector_latency_cycles: int) -> dict[Job, Ints]:
        """By MVU job, the cycle from which it may start (section 5); -1 where there is no such job."""
        if dense:
            return {"approximate": self.start["approximate"], "precise": self.end["fetch"]}
        valid = self.end["select"] + selector_latency_cycles
        return {
            "approximate": self.end["fetch"],
            "precise": np.where(self.start["precise"] < 0, -1, valid),
        }

    def released(self, selector_latency_cycles: int) -> Ints:
        """The cycle in which each block gives back its slot: its last write has ended, and its mask is valid."""
        valid = np.where(self.end["select"] < 0, -1, self.end["select"] + selector_latency_cycles)
        released: Ints = np.maximum.reduce([self.end["write"], self.end["write_noise"], valid])
        return released


@dataclass(frozen=True, eq=False)
class TileSchedule:
    """One tile on all cores, in the cycles start .. end - 1.

    waits_from: where the tile before it, or the layer's code pass, ended; until ``start`` all cores wait for DRAM.
    loaded: first and last + 1 cycle of its load; None without DRAM. load_bits: what is loaded then.
    """

    waits_from: int
    start: int
    end: int
    loaded: tuple[int, int] | None
    load_bits: int
    cores: tuple[CoreSchedule, ...]


@dataclass(frozen=True, slots=True)
class CodePassSchedule:
    """The code pass of a layer, in the cycles start .. end - 1 of every core, and what it counts in all of them."""

    start: int
    end: int
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Wait:
    """A unit idle in the cycles start .. end - 1, and why: the reasons of section 7.

    block: the one whose job ended the wait, or, after the last job, the core's last; None if the core has none.
    """

    core: int
    unit: Unit
    reason: Reason
    tile: int
    block: int | None
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class LayerSchedule:
    """One image of one layer on a machine. ``counts`` are those of the same run.

    dense: whether nothing is approximated. selects: whether blocks have masks. code_pass: None if the layer has none.
    """

    layer: str
    machine: Machine
    dense: bool
    selects: bool
    blocks_per_tile: int
    code_pass: CodePassSchedule | None
    tiles: tuple[TileSchedule, ...]
    counts: Counts

    @property
    def cycles(self) -> int:
        """The layer's latency."""
        return self.tiles[-1].end

    @property
    def selector_latency_cycles(self) -> int:
        """From the end of a selection to the valid mask; 0 where nothing is selected."""
        selector = self.machine.selector
        return selector.latency_cycles if selector is not None and self.selects else 0

    def waits(self) -> Iterator[Wait]:
        """Every idle stretch of the MVUs and front ends, the two units whose idle cycles are counted by reason."""
        for number, tile in enumerate(self.tiles):
            for index, core in enumerate(tile.cores):
                yield from self._waits_of(number, tile, index, core)

    def _waits_of(self, number: int, tile: TileSchedule, index: int, core: CoreSchedule) -> Iterator[Wait]:
        first = int(core.blocks[0]) if len(core.blocks) else None
        last = int(core.blocks[-1]) if len(core.blocks) else None
        core_end = int(core.released(self.selector_latency_cycles).max(initial=tile.start))
        units: tuple[tuple[Unit, Reason], ...] = (("front end", "done"), ("MVU", "drain"))
        for unit, reason_at_last in units:
            stretches: list[tuple[Reason, int | None, int, int]] = [
                ("DRAM", first, tile.waits_from, tile.start)
            ]
            free = tile.start
            for start, end, job, block in _served(core, UNITS[unit]):
                stretches.append((self._reason(job), block, free, start))
                free = end
            stretches.append((reason_at_last, last, free, core_end))
            stretches.append(("barrier", last, core_end, tile.end))
            for reason, its_block, start, end in stretches:
                if end > start:
                    yield Wait(index, unit, reason, number, its_block, start, end)

    def _reason(self, job: Job) -> Reason:
        """What a unit waited for that then served such a job."""
        if job == "fetch":
            return "slot"
        return "mask" if job == "precise" and not self.dense else "input"


def _served(core: CoreSchedule, jobs: tuple[Job, ...]) -> list[tuple[int, int, Job, int]]:
    """(start, end, job, block) of a unit, in order."""
    served: list[tuple[int, int, Job, int]] = []
    for job in jobs:
        there = core.start[job] >= 0
        rows = zip(
            core.start[job][there].tolist(),
            core.end[job][there].tolist(),
            core.blocks[there].tolist(),
            strict=True,
        )
        served += [(start, end, job, block) for start, end, block in rows]
    return sorted(served)
