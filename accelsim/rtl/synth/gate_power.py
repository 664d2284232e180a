"""From what switched in a simulation to energy: the library's internal energies, and charging of the loads.

A cell's step is a change of its input pins from one settled state to another. A combinational cell takes one
a cycle; a register and a clock gate take three: the clock rises, data changes, the clock falls. Data is taken to
settle while the clock is high.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from accelsim.rtl.synth.gate_simulation import WORD_BITS, Group, Simulator, grouped
from accelsim.rtl.synth.liberty_function import Bits
from accelsim.rtl.synth.library import Library, PowerArc
from accelsim.rtl.synth.netlist import Netlist
from accelsim.rtl.synth.static_timing import CLOCK_SLEW_NS

Counts = NDArray[np.int64]
Sums = NDArray[np.float64]


@dataclass(frozen=True)
class Energy:
    """Mean energy of one cycle of one stream, pJ: by what drew it."""

    clock_pj: float
    inputs_pj: float
    cells_pj: float

    @property
    def total_pj(self) -> float:
        """All of it."""
        return self.clock_pj + self.inputs_pj + self.cells_pj


@dataclass
class _Tally:
    """How often each instance of a group did what in each operand set: by arc (in the order of the pin's) and edge.

    Counts are [instances, sets].
    """

    group: Group
    sets: int
    rises: dict[str, Counts] = field(default_factory=dict)
    falls: dict[str, Counts] = field(default_factory=dict)
    arcs: dict[tuple[str, int, bool], Counts] = field(default_factory=dict)

    def add(self, before: Mapping[str, Bits], after: Mapping[str, Bits]) -> None:
        """One step of every instance. `before` and `after` map every pin to uint64 [instances, words]."""
        cell = self.group.cell
        outputs_still = None
        for name in cell.outputs:
            pin = cell.pins[name]
            rose, fell = after[name] & ~before[name], before[name] & ~after[name]
            self._bump(self.rises, name, rose)
            self._bump(self.falls, name, fell)
            changed = rose | fell
            outputs_still = ~changed if outputs_still is None else outputs_still & ~changed
            for number, arc in enumerate(pin.powers):
                assert arc.related is not None
                caused = before[arc.related] ^ after[arc.related]
                self._arc(name, number, arc, rose & caused, fell & caused, after)
        assert outputs_still is not None
        for name in cell.inputs:
            for number, arc in enumerate(cell.pins[name].powers):
                rose = after[name] & ~before[name] & outputs_still
                fell = before[name] & ~after[name] & outputs_still
                self._arc(name, number, arc, rose, fell, after)

    def _arc(
        self, pin: str, number: int, arc: PowerArc, rose: Bits, fell: Bits, after: Mapping[str, Bits]
    ) -> None:
        if arc.when is not None:
            holds = arc.when(after)
            rose, fell = rose & holds, fell & holds
        self._bump(self.arcs, (pin, number, True), rose)
        self._bump(self.arcs, (pin, number, False), fell)

    def _bump(self, counters: dict, key: object, bits: Bits) -> None:  # type: ignore[type-arg]
        count = _by_set(bits, self.sets)
        counters[key] = counters[key] + count if key in counters else count

    def internal_fj(self, slews_ns: Mapping[int, float], loads_ff: Mapping[int, float]) -> Sums:
        """Internal energy of all counted steps, fJ, by operand set."""
        total = np.zeros(self.sets)
        for name, pin in self.group.cell.pins.items():
            if pin.powers:
                for rising in (True, False):
                    total += self._pin_fj(name, rising, slews_ns, loads_ff)
        return total

    def _pin_fj(
        self, name: str, rising: bool, slews_ns: Mapping[int, float], loads_ff: Mapping[int, float]
    ) -> Sums:
        """Of one pin and edge. An output's change costs the mean of the arcs that may have caused it,
        weighted by how often each may have; an input's arcs exclude each other and add up."""
        pin = self.group.cell.pins[name]
        counts = np.array([self.arcs[name, number, rising] for number in range(len(pin.powers))], dtype=float)
        energies = np.array(
            [
                [
                    self._energy(
                        arc, rising, each.nets[arc.related or name], each.nets[name], slews_ns, loads_ff
                    )
                    for each in self.group.instances
                ]
                for arc in pin.powers
            ]
        )[:, :, None]  # [arcs, instances, sets]
        if not pin.is_output:
            priced: Sums = (counts * energies).sum(axis=(0, 1))
            return priced
        changes = (self.rises if rising else self.falls)[name]
        caused = counts.sum(axis=0)
        weights = np.where(caused > 0, counts / np.maximum(caused, 1), 1 / len(pin.powers))
        priced = (changes * (weights * energies).sum(axis=0)).sum(axis=0)
        return priced

    def _energy(
        self,
        arc: PowerArc,
        rising: bool,
        cause: int,
        net: int,
        slews_ns: Mapping[int, float],
        loads_ff: Mapping[int, float],
    ) -> float:
        slew = slews_ns.get(cause, CLOCK_SLEW_NS)  # only clock nets have no arrival of their own
        return (arc.rise if rising else arc.fall).at(slew, loads_ff[net])

    def load_fj(self, loads_ff: Mapping[int, float], supply_v: float) -> Sums:
        """Energy that charging and discharging the loads of the outputs took, fJ, by operand set."""
        total = np.zeros(self.sets)
        for name in self.rises:
            loads = np.array([loads_ff[each.nets[name]] for each in self.group.instances])
            total += 0.5 * supply_v**2 * (loads[:, None] * (self.rises[name] + self.falls[name])).sum(axis=0)
        return total


def _by_set(bits: Bits, sets: int) -> Counts:
    """Ones in each row [rows, words], the words divided evenly among the operand sets: [rows, sets]."""
    ones: Counts = np.bitwise_count(bits).reshape(len(bits), sets, -1).sum(axis=2, dtype=np.int64)
    return ones


class PowerMeter:
    """Counts the steps of a simulator's cycles and prices them, apart for each of `sets` equal parts of the streams."""

    def __init__(
        self, simulator: Simulator, library: Library, slews_ns: Mapping[int, float], sets: int = 1
    ) -> None:
        self._sets = sets
        self._simulator, self._library, self._slews = simulator, library, slews_ns
        self._combinational = [_Tally(group, sets) for group in grouped(simulator.netlist.combinational)]
        self._registers = [_Tally(group, sets) for group in simulator.registers]
        self._gates = [_Tally(group, sets) for group in simulator.gates]
        self._ports = np.array(sorted({net for nets in simulator.netlist.inputs.values() for net in nets}))
        self._port_changes = np.zeros((len(self._ports), sets), dtype=np.int64)
        self.cycles = 0

    def observe(self) -> None:
        """Count the simulator's last cycle."""
        simulator = self._simulator
        before, after = simulator.before, simulator.values
        for tally in self._combinational:
            nets = tally.group.nets
            if tally.group.cell.inputs:
                tally.add(
                    {pin: before[each] for pin, each in nets.items()},
                    {pin: after[each] for pin, each in nets.items()},
                )
        for tally, clocked in zip(self._registers, simulator.clocked, strict=True):
            self._observe_clocked(tally, clocked)
        for tally in self._gates:
            self._observe_gate(tally)
        if len(self._ports):
            self._port_changes += _by_set(before[self._ports] ^ after[self._ports], self._sets)
        self.cycles += 1

    def _observe_clocked(self, tally: _Tally, clocked: Bits) -> None:
        register = tally.group.cell.register
        assert register is not None
        before = self._pins(tally.group, self._simulator.before)
        after = self._pins(tally.group, self._simulator.values)
        low = np.zeros_like(clocked)
        outputs = set(tally.group.cell.outputs)
        start = {**before, register.clock: low}
        risen = {**before, **{pin: after[pin] for pin in outputs}, register.clock: clocked}
        changed = {**after, register.clock: clocked}
        tally.add(start, risen)
        tally.add(risen, changed)
        tally.add(changed, {**changed, register.clock: low})

    def _observe_gate(self, tally: _Tally) -> None:
        gate = tally.group.cell.gate
        assert gate is not None
        before = self._pins(tally.group, self._simulator.before)
        after = self._pins(tally.group, self._simulator.values)
        is_open = self._simulator.gate_open(tally.group)
        low, high = np.zeros_like(is_open), ~np.zeros_like(is_open)
        start = {gate.clock: low, gate.enable: before[gate.enable], gate.output: low}
        risen = {**start, gate.clock: high, gate.output: is_open}
        changed = {**risen, gate.enable: after[gate.enable]}
        tally.add(start, risen)
        tally.add(risen, changed)
        tally.add(changed, {**changed, gate.clock: low, gate.output: low})

    @staticmethod
    def _pins(group: Group, values: Bits) -> dict[str, Bits]:
        return {pin: values[nets] for pin, nets in group.nets.items()}

    def energies(self) -> list[Energy]:
        """Of each operand set, the mean over the observed cycles and its streams."""
        netlist, supply_v = self._simulator.netlist, self._library.supply_v
        loads = netlist.loads_ff
        samples = self.cycles * self._simulator.streams // self._sets
        clock, cells = np.zeros(self._sets), np.zeros(self._sets)
        if netlist.clock is not None:
            clock += samples * loads[netlist.clock] * supply_v**2  # up and down once a cycle
        for tally in (*self._combinational, *self._registers):
            if tally.rises:
                cells += tally.internal_fj(self._slews, loads) + tally.load_fj(loads, supply_v)
        for tally in self._gates:
            clock += tally.internal_fj(self._slews, loads) + tally.load_fj(loads, supply_v)
        port_loads = np.array([loads[int(net)] for net in self._ports])
        inputs = 0.5 * supply_v**2 * (port_loads[:, None] * self._port_changes).sum(axis=0)
        per_cycle_pj = 1e-3 / samples
        return [
            Energy(*(float(part) * per_cycle_pj for part in parts))
            for parts in zip(clock, inputs, cells, strict=True)
        ]


def measure(
    netlist: Netlist,
    library: Library,
    slews_ns: Mapping[int, float],
    stimuli: Sequence[Mapping[str, Bits]],
    warm_up: int,
) -> list[Energy]:
    """Mean energy of a cycle under each of `stimuli` (port to uint64 [cycles, bits, streams / 64], all of one shape).

    They run side by side. The first `warm_up` cycles fill the pipeline and are not counted. Ports without
    stimulus stay 0.
    """
    together = {port: np.concatenate([stimulus[port] for stimulus in stimuli], axis=2) for port in stimuli[0]}
    first = next(iter(together.values()))
    simulator = Simulator(netlist, first.shape[2] * WORD_BITS)
    meter = PowerMeter(simulator, library, slews_ns, len(stimuli))
    for cycle in range(first.shape[0]):
        simulator.cycle({port: bits[cycle] for port, bits in together.items()})
        if cycle >= warm_up:
            meter.observe()
    return meter.energies()
