"""What of a schedule is shown: the jobs of a range of blocks, and the counters of the cycles that these take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from accelsim.arrays import Ints
from accelsim.config import Technology
from accelsim.energy.energy_terms import GROUPS, Group, energy_terms
from accelsim.errors import AccelsimError
from accelsim.machine import Job
from accelsim.timeline.charge import JOBS
from accelsim.timeline.layer_schedule import UNIT_OF, CoreSchedule, LayerSchedule, Unit, Wait
from accelsim.timeline.power_over_time import PowerCurve, code_pass_energy, job_energy, power_curve

JOB_NAMES: dict[Job, str] = {
    "fetch": "fetch",
    "approximate": "approximate",
    "select": "select",
    "write_noise": "write z~",
    "precise": "precise",
    "write": "write z",
}
"""As docs/machine.md calls them."""


@dataclass(frozen=True, slots=True)
class BlockRange:
    """Blocks ``first`` to ``last``, both included, numbered through the layer's tiles; last None: to the end."""

    first: int = 0
    last: int | None = None

    @classmethod
    def parse(cls, text: str) -> BlockRange:
        """``3..17``, ``3..``, ``..17`` or ``3``. Raises AccelsimError for anything else."""
        first, dots, last = text.partition("..")
        numbers = [part for part in (first, last) if part]
        if numbers and all(part.isascii() and part.isdigit() and len(part) < 16 for part in numbers):
            low = int(first) if first else 0
            high = (int(last) if last else None) if dots else low
            if high is None or high >= low:
                return cls(low, high)
        raise AccelsimError(f"blocks: {text!r} is not a range of blocks such as 0..31, 8.. or 3")

    def of(self, layer: str, blocks: int) -> range:
        """The range in a layer of so many blocks. Raises AccelsimError if it has not all of them."""
        last = blocks - 1 if self.last is None else self.last
        if self.first >= blocks or last >= blocks:
            asked = f"{self.first}..{'' if self.last is None else last}"
            raise AccelsimError(f"layer {layer}: blocks {asked} are not all there; it has 0..{blocks - 1}")
        return range(self.first, last + 1)

    def check(self, layer: str, jobs: Ints, limit: int) -> None:
        """Raise AccelsimError if the range has more jobs than ``limit``. jobs: those of each block of the layer."""
        chosen = self.of(layer, len(jobs))
        sums = np.cumsum(jobs[chosen.start : chosen.stop])
        if sums[-1] <= limit:
            return
        fits = int(np.searchsorted(sums, limit, side="right"))
        advice = (
            f"blocks {chosen.start}..{chosen.start + fits - 1} would fit"
            if fits
            else "not even one block of it fits"
        )
        raise AccelsimError(
            f"layer {layer}: blocks {chosen.start}..{chosen.stop - 1} have {sums[-1]} jobs, "
            f"more than {limit} (--max-jobs); {advice}"
        )


@dataclass(frozen=True, slots=True)
class Slice:
    """One job: a unit busy with a block in the cycles start .. end - 1.

    energy_pj: of the job, without leakage. row: its place in the core's arrays.
    """

    tile: int
    core: int
    unit: Unit
    job: Job
    block: int
    start: int
    end: int
    energy_pj: float
    row: int


@dataclass(frozen=True, slots=True)
class Steps:
    """A value over the window: int64 ``cycles``, ascending, from each of which it is the int64 ``values``."""

    cycles: Ints
    values: Ints


class View:
    """The jobs of ``blocks`` in a schedule, and counters over the window of cycles from their first to their last.

    A job is shown if its block is. Counters are those of the machine with all its blocks, whether they are shown or not.
    """

    def __init__(self, schedule: LayerSchedule, technology: Technology, blocks: range) -> None:
        self.schedule = schedule
        self.technology = technology
        self.blocks = blocks

    def _shown(self, core: CoreSchedule) -> Ints:
        """Rows of the core's arrays whose blocks are shown."""
        return np.flatnonzero((core.blocks >= self.blocks.start) & (core.blocks < self.blocks.stop))

    @cached_property
    def slices(self) -> list[Slice]:
        """The jobs, by start."""
        terms = energy_terms(self.schedule.machine, self.technology)
        found = []
        for number, tile in enumerate(self.schedule.tiles):
            for index, core in enumerate(tile.cores):
                rows = self._shown(core)
                energy = job_energy(core, terms) if len(rows) else {}
                for job in JOBS if len(rows) else ():
                    total_pj = np.sum([energy[job][group] for group in GROUPS], axis=0)
                    for row in rows[core.start[job][rows] >= 0].tolist():
                        found.append(
                            Slice(
                                number,
                                index,
                                UNIT_OF[job],
                                job,
                                int(core.blocks[row]),
                                int(core.start[job][row]),
                                int(core.end[job][row]),
                                float(total_pj[row]),
                                row,
                            )
                        )
        return sorted(found, key=lambda each: (each.start, each.core, each.block))

    @cached_property
    def code_pass_pj(self) -> float:
        """Energy of the layer's code pass in all cores, without leakage; 0 if it has none."""
        if self.schedule.code_pass is None:
            return 0.0
        terms = energy_terms(self.schedule.machine, self.technology)
        return float(np.sum(list(code_pass_energy(self.schedule.code_pass, terms).values())))

    @cached_property
    def window(self) -> tuple[int, int]:
        """First cycle of the first job, and the cycle after the last one's last.

        All blocks: the whole layer, waits for DRAM and masks included.
        """
        if len(self.blocks) == len(self.schedule.tiles) * self.schedule.blocks_per_tile:
            return 0, self.schedule.cycles
        return self.slices[0].start, max(each.end for each in self.slices)

    @cached_property
    def waits(self) -> list[Wait]:
        """Idle stretches of MVU and front end that end with, or follow, a block that is shown; by start.

        Those of a core without a block in the tile: if any block of the tile is shown.
        """
        per_tile = self.schedule.blocks_per_tile
        tiles = range(self.blocks.start // per_tile, (self.blocks.stop - 1) // per_tile + 1)
        low, high = self.window
        shown = [
            wait
            for wait in self.schedule.waits()
            if (wait.tile in tiles if wait.block is None else wait.block in self.blocks)
            and wait.start < high
            and wait.end > low
        ]
        return sorted(shown, key=lambda wait: (wait.start, wait.core))

    @cached_property
    def power(self) -> PowerCurve:
        """Of the whole layer."""
        return power_curve(self.schedule, self.technology)

    def power_steps(self) -> Iterator[tuple[int, dict[Group, float]]]:
        """(cycle, milliwatts by group) at the start of the window, wherever they change in it, and at its end."""
        low, high = self.window
        inside = (self.power.cycles > low) & (self.power.cycles < high)
        for cycle in [low, *self.power.cycles[inside].tolist(), high]:
            yield cycle, self.power.at(cycle)

    def waiting_for_mvu(self, core: int) -> Steps:
        """MVU jobs of a core that may start and have not started."""
        arrivals, departures = [], []
        for tile in self.schedule.tiles:
            schedule = tile.cores[core]
            ready = schedule.ready(self.schedule.dense, self.schedule.selector_latency_cycles)
            for job, cycles in ready.items():
                there = schedule.start[job] >= 0
                arrivals.append(cycles[there])
                departures.append(schedule.start[job][there])
        return self._difference(np.concatenate(arrivals), np.concatenate(departures))

    def slots_taken(self, core: int) -> Steps:
        """Blocks of a core in flight: from the start of their fetch to the end of their last write."""
        cores = [tile.cores[core] for tile in self.schedule.tiles]
        latency = self.schedule.selector_latency_cycles
        return self._difference(
            np.concatenate([each.start["fetch"] for each in cores]),
            np.concatenate([each.released(latency) for each in cores]),
        )

    def _difference(self, arrivals: Ints, departures: Ints) -> Steps:
        low, high = self.window
        cycles = np.unique(np.clip(np.concatenate([arrivals, departures, [low, high]]), low, high))
        arrived = np.searchsorted(np.sort(arrivals), cycles, side="right")
        values = arrived - np.searchsorted(np.sort(departures), cycles, side="right")
        changes = np.concatenate([[True], np.diff(values) != 0])
        return Steps(cycles[changes], values[changes])
