"""Power over time: the energy of every job, spread evenly over the cycles in which it is served.

Registers and SRAMs that a job's results reach while the pipeline drains are charged to the job itself, so the curve
may be early by the pipeline's depth. Leakage is drawn in every cycle of every core, whatever it does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.arrays import Ints
from accelsim.config import Technology
from accelsim.energy.energy_terms import GROUPS, EnergyTerm, Group, energy_terms
from accelsim.timeline.charge import JOBS
from accelsim.timeline.layer_schedule import UNITS, CodePassSchedule, CoreSchedule, LayerSchedule

Floats = NDArray[np.float64]
ByGroup = dict[Group, Floats]


@dataclass(frozen=True, eq=False)
class PowerCurve:
    """Piecewise constant power of the whole machine over a layer.

    cycles: int64 (n + 1,), ascending, from 0 to the layer's last cycle + 1. mw: by energy group, float64 (n,):
    milliwatts in the cycles cycles[i] .. cycles[i + 1] - 1. clock_mhz: cycles of a microsecond.
    """

    cycles: Ints
    mw: ByGroup
    clock_mhz: int

    @property
    def total_mw(self) -> Floats:
        """All groups together, leakage included."""
        total: Floats = np.sum([self.mw[group] for group in GROUPS], axis=0)
        return total

    def cumulative_pj(self, group: Group) -> Floats:
        """Energy of a group from cycle 0 until each of ``cycles``: float64 (n + 1,), pJ."""
        # 1 mW for 1 us is 1000 pJ.
        spent = self.mw[group] * np.diff(self.cycles) * (1000 / self.clock_mhz)
        return np.concatenate([[0.0], np.cumsum(spent)])

    def mean_mw(self, edges: Ints) -> ByGroup:
        """By group, the mean power from each of ``edges`` (n + 1, ascending cycles) to the next: float64 (n,)."""
        to_mw = self.clock_mhz / 1000 / np.diff(edges)
        return {
            group: np.diff(np.interp(edges, self.cycles, self.cumulative_pj(group))) * to_mw
            for group in GROUPS
        }

    def at(self, cycle: int) -> dict[Group, float]:
        """Milliwatts of every group in a cycle; 0 outside the layer."""
        if not 0 <= cycle < self.cycles[-1]:
            return dict.fromkeys(GROUPS, 0.0)
        here = int(np.searchsorted(self.cycles, cycle, side="right")) - 1
        return {group: float(self.mw[group][here]) for group in GROUPS}


def job_energy(core: CoreSchedule, terms: tuple[EnergyTerm, ...]) -> dict[str, ByGroup]:
    """By job, then by group, the energy of each of the core's blocks: float64 (blocks,), pJ. No leakage, no DRAM."""
    energy: dict[str, ByGroup] = {}
    for job in JOBS:
        groups = {group: np.zeros(len(core.blocks)) for group in GROUPS}
        for term in terms:
            for count, pj in term.pj_per_count:
                if count in core.counts[job]:
                    groups[term.group] += core.counts[job][count] * pj
        energy[job] = groups
    return energy


def power_curve(schedule: LayerSchedule, technology: Technology) -> PowerCurve:
    """The power of the whole machine over the layer. Its integral is the energy of ``schedule.counts``, group by group.

    Raises AccelsimError if the technology has no macro for an SRAM of the machine.
    """
    machine = schedule.machine
    terms = energy_terms(machine, technology)
    unit_jobs = _unit_jobs(schedule, terms)
    moments = [np.array([0, schedule.cycles])] + [
        time for start, end, _ in unit_jobs for time in (start, end)
    ]
    cycles: Ints = np.unique(np.concatenate(moments)).astype(np.int64)
    mw_per_pj = machine.clock_mhz / 1000  # pJ a cycle, so many million cycles a second
    mw = {group: np.zeros(len(cycles) - 1) for group in GROUPS}
    for start, end, groups in unit_jobs:
        # One unit's jobs do not overlap: in every stretch at most one is on, so nothing is ever subtracted again.
        latest = np.searchsorted(start, cycles[:-1], side="right") - 1
        on = (latest >= 0) & (cycles[:-1] < end[latest])
        for group, pj in groups.items():
            mw[group] += np.where(on, (pj / (end - start))[latest], 0.0) * mw_per_pj
    per_cycle = [term for term in terms if term.pj_per_count[0][0] == "core_cycles"]
    for term in per_cycle:
        mw[term.group] += term.pj_per_count[0][1] * machine.cores * mw_per_pj
    return PowerCurve(cycles, mw, machine.clock_mhz)


def _unit_jobs(schedule: LayerSchedule, terms: tuple[EnergyTerm, ...]) -> list[tuple[Ints, Ints, ByGroup]]:
    """For each unit of each core, DRAM channel and code pass: its jobs' starts, ascending, ends and energy by group."""
    units = []
    for index in range(schedule.machine.cores):
        cores = [tile.cores[index] for tile in schedule.tiles if len(tile.cores[index].blocks)]
        energies = [job_energy(core, terms) for core in cores]
        for jobs in UNITS.values():
            parts = [
                (core.start[job], core.end[job], energy[job])
                for core, energy in zip(cores, energies, strict=True)
                for job in jobs
            ]
            if parts:
                units.append(_in_order(parts))
    loads = [(tile.loaded, tile.load_bits) for tile in schedule.tiles if tile.loaded is not None]
    if loads:
        pj_per_bit = sum(pj for term in terms for count, pj in term.pj_per_count if count == "dram_bits")
        starts, ends = (np.array([loaded[side] for loaded, _ in loads], np.int64) for side in (0, 1))
        units.append((starts, ends, {"dram": np.array([bits for _, bits in loads]) * pj_per_bit}))
    if schedule.code_pass is not None:
        made = schedule.code_pass
        starts, ends = (np.array([cycle], np.int64) for cycle in (made.start, made.end))
        units.append((starts, ends, code_pass_energy(made, terms)))
    return [unit for unit in units if len(unit[0])]


def code_pass_energy(made: CodePassSchedule, terms: tuple[EnergyTerm, ...]) -> ByGroup:
    """By group, the energy of a code pass in all cores: float64 (1,), pJ. No leakage."""
    groups = {group: np.zeros(1) for group in GROUPS}
    for term in terms:
        for count, pj in term.pj_per_count:
            if count != "core_cycles":
                groups[term.group] += made.counts.get(count, 0) * pj
    return groups


def _in_order(parts: list[tuple[Ints, Ints, ByGroup]]) -> tuple[Ints, Ints, ByGroup]:
    start, end = (np.concatenate([part[side] for part in parts]) for side in (0, 1))
    there = np.flatnonzero(start >= 0)
    order = there[np.argsort(start[there])]
    energy = {group: np.concatenate([part[2][group] for part in parts])[order] for group in GROUPS}
    return start[order], end[order], energy
