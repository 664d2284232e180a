"""One block measured: mapped so that it meets the period, then run on its operand sets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from amaranth.back import rtlil

from accelsim.config.machine import Machine
from accelsim.errors import AccelsimError
from accelsim.files import read_text, replaced
from accelsim.rtl.synth.catalog import SCHEMES, BlockSpec, Operation
from accelsim.rtl.synth.gate_power import measure
from accelsim.rtl.synth.library import Library
from accelsim.rtl.synth.netlist import Netlist, read_netlist
from accelsim.rtl.synth.real_operands import WARM_UP_CYCLES, LayerOperands
from accelsim.rtl.synth.sources import RealSource, Source, UniformSource
from accelsim.rtl.synth.static_timing import Timing, analyze
from accelsim.rtl.synth.yosys_mapping import Mapped, Recipe, map_design

UNIFORM = "uniform"

STAGE_NS = 2.0
"""What every stage of the RTL is cut for, and the period that a block must meet.

Not the shipped machines' clock: one loop through several units keeps that slower (docs/energy.md, "Clock"), and blocks
mapped for a slower clock would be other blocks.
"""

SHARES_OF_PERIOD = (0.85, 0.65)
"""Delays that ABC aims at, one after the other till the block meets the period, as shares of it.

The first leaves room for registers; the second makes larger netlists.
"""


@dataclass(frozen=True)
class Physical:
    """A block as mapped: cells, um2, uW at rest, ns. `path_ns` and `period_ns` are those of `timing.Timing`."""

    recipe: str
    cells: int
    registers: int
    area_um2: float
    leakage_uw: float
    path_ns: float
    period_ns: float


@dataclass(frozen=True)
class Reading:
    """Energy of one event of an operation on one operand set, pJ; `clock_pj` and `inputs_pj` are parts of it.

    `scheme` and `layer` say whose operands, `positions` the T of their order; "uniform", "" and 0 for uniform ones.
    """

    operation: str
    scheme: str
    layer: str
    positions: int
    energy_pj: float
    clock_pj: float
    inputs_pj: float


@dataclass(frozen=True)
class MeasuredBlock:
    """All that was found of one block."""

    name: str
    physical: Physical
    readings: tuple[Reading, ...]

    def mean_pj(self, operation: str, positions: int) -> float:
        """Mean over the layers' operands with so many positions a job; 0 positions are the uniform operands.

        Raises AccelsimError if there are none.
        """
        found = [r.energy_pj for r in self.readings if (r.operation, r.positions) == (operation, positions)]
        if not found:
            raise AccelsimError(
                f"block {self.name}: no energy of {operation} with {positions} positions a job"
            )
        return sum(found) / len(found)


@dataclass(frozen=True)
class Bench:
    """What blocks are measured with: the library, the machine of each scheme, and the layers."""

    library: Library
    machines: Mapping[str, Machine]
    layers: Sequence[LayerOperands]

    def sources(self, operation: Operation) -> Iterator[tuple[Source, str, str, int]]:
        """(source, scheme, layer, positions) of every operand set of an operation."""
        yield UniformSource(self.machines[SCHEMES[1]]), UNIFORM, "", 0
        for each in self.layers:
            if each.scheme not in operation.schemes:
                continue
            machine = self.machines[each.scheme]
            block = machine.mvu.position_block
            yield RealSource(each, machine, block), each.scheme, each.layer, block
            if operation.one_position and each.scheme == operation.schemes[-1]:
                yield RealSource(each, machine, 1), each.scheme, each.layer, 1


def measured(spec: BlockSpec, bench: Bench, netlists: Path | None = None) -> MeasuredBlock:
    """Map a block and take all its readings; its netlist goes to `netlists` (JSON and Verilog) if given.

    Raises AccelsimError if no recipe meets `STAGE_NS`.
    """
    physical, mapped, netlist, timing = _mapped(spec, bench.library)
    if physical.period_ns > STAGE_NS:
        raise AccelsimError(
            f"block {spec.name}: needs {physical.period_ns:.3f} ns at best; a stage of the RTL must meet {STAGE_NS:g} ns"
        )
    if netlists is not None:
        netlists.mkdir(parents=True, exist_ok=True)
        with replaced(netlists / f"{spec.name}.json") as path:
            path.write_text(json.dumps(mapped.json))
        with replaced(netlists / f"{spec.name}.v") as path:
            path.write_text(mapped.verilog)
    readings = []
    for operation in spec.operations:
        sets = list(bench.sources(operation))
        stimuli = [operation.drive(source) for source, _, _, _ in sets]
        found = measure(netlist, bench.library, timing.slews_ns, stimuli, WARM_UP_CYCLES)
        for (_, scheme, layer, positions), energy in zip(sets, found, strict=True):
            parts = (energy.total_pj, energy.clock_pj, energy.inputs_pj)
            readings.append(
                Reading(operation.name, scheme, layer, positions, *(p / operation.per_cycle for p in parts))
            )
    return MeasuredBlock(spec.name, physical, tuple(readings))


def recipes() -> list[Recipe]:
    """How a block is mapped, one after the other till it meets `STAGE_NS`."""
    return [Recipe(round(share * STAGE_NS * 1000), booth=True) for share in SHARES_OF_PERIOD]


def mapped_only(spec: BlockSpec, library: Library) -> MeasuredBlock:
    """A block's area and delay, whether it meets `STAGE_NS` or not; nothing is simulated."""
    return MeasuredBlock(spec.name, _mapped(spec, library)[0], ())


def _mapped(spec: BlockSpec, library: Library) -> tuple[Physical, Mapped, Netlist, Timing]:
    """By the first recipe with which the block meets `STAGE_NS`, else by that with which it is fastest."""
    tried = []
    for recipe in recipes():
        tried.append(_map(spec, library, recipe))
        if tried[-1][0].period_ns <= STAGE_NS:
            return tried[-1]
    return min(tried, key=lambda found: found[0].period_ns)


def _map(spec: BlockSpec, library: Library, recipe: Recipe) -> tuple[Physical, Mapped, Netlist, Timing]:
    source = rtlil.convert(spec.build(), name=spec.name, emit_src=False)
    mapped = map_design(source, spec.name, library, recipe, spec.ignored)
    netlist = read_netlist(mapped.json, spec.name, library)
    timing = analyze(netlist, library)
    physical = Physical(
        str(recipe),
        len(netlist.instances),
        len(netlist.registers),
        netlist.area_um2,
        netlist.leakage_uw,
        timing.path_ns,
        timing.period_ns,
    )
    return physical, mapped, netlist, timing


def save_block(path: Path, block: MeasuredBlock) -> None:
    """Write what was found, so that an interrupted run can go on after it."""
    with replaced(path) as temporary:
        temporary.write_text(json.dumps(asdict(block)))


def load_block(path: Path) -> MeasuredBlock | None:
    """What `save_block` wrote; None if there is nothing that can be read."""
    try:
        data = json.loads(read_text(path, "measurement"))
        readings = tuple(Reading(**each) for each in data["readings"])
        return MeasuredBlock(data["name"], Physical(**data["physical"]), readings)
    except (ValueError, TypeError, KeyError):
        return None
