"""A standard-cell library: areas, leakage, functions, delays and energies of its cells, from a Liberty file."""

from __future__ import annotations

import gzip
import hashlib
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from accelsim.errors import AccelsimError
from accelsim.files import read_bytes
from accelsim.rtl.synth.blocks_table import LOAD, SLEW, Table
from accelsim.rtl.synth.liberty_function import BooleanFunction, parse_function
from accelsim.rtl.synth.liberty_text import Group, parse

_AXES = {
    "input_net_transition": SLEW,
    "input_transition_time": SLEW,
    "related_pin_transition": SLEW,
    "total_output_net_capacitance": LOAD,
    "constrained_pin_transition": "constrained",
}


@dataclass(frozen=True)
class DelayArc:
    """From `related` to the pin that holds it; tables in ns. `inverting` is None if it may do either."""

    related: str
    inverting: bool | None
    rise_delay: Table | None
    fall_delay: Table | None
    rise_slew: Table | None
    fall_slew: Table | None


@dataclass(frozen=True)
class PowerArc:
    """Energy inside the cell, fJ, when the pin that holds it rises or falls; `related` is None on an input."""

    related: str | None
    when: BooleanFunction | None
    rise: Table
    fall: Table


@dataclass(frozen=True)
class Pin:
    """`capacitance_ff` is what its driver sees, `most_load_ff` what an output may drive.

    Outputs have a `function` of the inputs, or of a register.
    """

    name: str
    is_output: bool
    capacitance_ff: float
    most_load_ff: float
    function: BooleanFunction | None
    delays: tuple[DelayArc, ...]
    powers: tuple[PowerArc, ...]
    setup_ns: float


@dataclass(frozen=True)
class Register:
    """An edge-triggered flip-flop: on a rising `clock` pin, `state` takes `next_state`; `inverse` is its complement."""

    state: str
    inverse: str
    next_state: BooleanFunction
    clock: str


@dataclass(frozen=True)
class ClockGate:
    """An integrated clock gate: `output` follows `clock` in the cycles in which `enable` was high before."""

    clock: str
    enable: str
    output: str


@dataclass(frozen=True)
class Cell:
    """One cell. `register` and `gate` are None for combinational cells."""

    name: str
    area_um2: float
    leakage_nw: float
    pins: Mapping[str, Pin]
    register: Register | None
    gate: ClockGate | None

    @property
    def inputs(self) -> list[str]:
        """Names of the input pins."""
        return [pin.name for pin in self.pins.values() if not pin.is_output]

    @property
    def outputs(self) -> list[str]:
        """Names of the output pins."""
        return [pin.name for pin in self.pins.values() if pin.is_output]


@dataclass(frozen=True)
class Library:
    """The usable cells of a Liberty file: no latches, scan or asynchronous registers, three-state or filler."""

    name: str
    sha256: str
    path: Path
    supply_v: float
    temperature_c: float
    cells: Mapping[str, Cell]
    refused: tuple[str, ...]
    text: str = field(repr=False)

    @cached_property
    def register_load_ff(self) -> float:
        """What the data pin of the smallest flip-flop loads its driver with."""
        flip_flop = self.flip_flop()
        return max(
            pin.capacitance_ff
            for pin in flip_flop.pins.values()
            if not pin.is_output and flip_flop.register is not None and pin.name != flip_flop.register.clock
        )

    def flip_flop(self) -> Cell:
        """The smallest flip-flop. Raises AccelsimError if there is none."""
        found = [cell for cell in self.cells.values() if cell.register is not None]
        if not found:
            raise AccelsimError(f"{self.path}: no plain flip-flop (ff group with clocked_on) among its cells")
        return min(found, key=lambda cell: (cell.area_um2, cell.name))


def load_library(path: Path) -> Library:
    """A library from `path` (.lib, or .lib.gz). The digest is of the unpacked file.

    Raises AccelsimError, one line, if it cannot be read, is not Liberty, or uses units other than 1 ns, 1 nW, fF/pF, 1 V.
    """
    data = read_bytes(path, "cell library")
    try:
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error):  # gzip.BadGzipFile is an OSError
        raise AccelsimError(f"{path}: cannot unpack the cell library: the gzip data is damaged") from None
    text = data.decode("utf-8", errors="replace")
    root = parse(text, str(path))
    if root.kind != "library":
        raise AccelsimError(f"{path}: expected a library group, found {root.kind!r}")
    reader = _Reader(root, path)
    cells, refused = {}, []
    for group in root.all("cell"):
        cell = reader.cell(group)
        if cell is None:
            refused.append(group.args[0])
        else:
            cells[cell.name] = cell
    return Library(
        name=root.args[0] if root.args else path.stem,
        sha256=hashlib.sha256(data).hexdigest(),
        path=path,
        supply_v=reader.number(root, "nom_voltage"),
        temperature_c=reader.number(root, "nom_temperature"),
        cells=cells,
        refused=tuple(refused),
        text=text,
    )


class _Reader:
    def __init__(self, root: Group, path: Path) -> None:
        self._path = path
        self._templates = {
            group.args[0]: group
            for kind in ("lu_table_template", "power_lut_template")
            for group in root.all(kind)
        }
        for name, wanted in (("time_unit", "1ns"), ("leakage_power_unit", "1nW"), ("voltage_unit", "1V")):
            if (found := root.text(name)) != wanted:
                raise AccelsimError(f"{path}: {name} is {found}; only {wanted} is understood")
        unit = root.attributes.get("capacitive_load_unit", [("1", "ff")])[0]
        scale = {"ff": 1.0, "pf": 1000.0}.get(unit[1].lower() if len(unit) == 2 else "")
        if scale is None:
            raise AccelsimError(
                f"{path}: capacitive_load_unit is {unit}; only (x, ff) and (x, pf) are understood"
            )
        self._ff = float(unit[0]) * scale

    def number(self, group: Group, name: str, default: float | None = None) -> float:
        text = group.text(name)
        if text is None and default is not None:
            return default
        try:
            return float(text or "")
        except ValueError:
            raise AccelsimError(
                f"{self._path}: {group.kind} {' '.join(group.args)}: {name} is no number"
            ) from None

    def cell(self, group: Group) -> Cell | None:
        """None for a cell that a synchronous netlist has no use for."""
        name, pins = group.args[0], group.all("pin")
        where = f"{self._path}: cell {name}"
        gate = register = None
        if kind := group.text("clock_gating_integrated_cell"):
            gate = self._gate(pins) if kind == "latch_posedge" else None
            if gate is None:
                return None
        elif flip_flops := group.all("ff"):
            register = self._register(flip_flops[0], where)
            if register is None or group.all("test_cell"):
                return None
        elif group.all("latch") or group.all("statetable") or group.attributes.get("statetable"):
            return None
        if any(pin.text("three_state") for pin in pins):
            return None
        read = {pin.args[0]: self._pin(pin, where) for pin in pins if pin.text("direction") != "internal"}
        outputs = [pin for pin in read.values() if pin.is_output]
        if not outputs or (gate is None and any(pin.function is None for pin in outputs)):
            return None
        return Cell(
            name,
            self.number(group, "area"),
            self.number(group, "cell_leakage_power", 0.0),
            read,
            register,
            gate,
        )

    def _gate(self, pins: list[Group]) -> ClockGate | None:
        def named(mark: str) -> str:
            return next((pin.args[0] for pin in pins if pin.text(mark) == "true"), "")

        gate = ClockGate(
            named("clock_gate_clock_pin"), named("clock_gate_enable_pin"), named("clock_gate_out_pin")
        )
        if not (gate.clock and gate.enable and gate.output):
            return None
        inputs = [pin for pin in pins if pin.text("direction") == "input"]
        return gate if len(inputs) == 2 else None  # with a test pin it is a bigger cell of no use here

    def _register(self, group: Group, where: str) -> Register | None:
        if group.text("clear") or group.text("preset"):
            return None
        clock = parse_function(group.text("clocked_on") or "0", where)
        if clock.op != "pin":
            return None
        state, inverse = (*group.args, "", "")[:2]
        return Register(state, inverse, parse_function(group.text("next_state") or "0", where), clock.pin)

    def _pin(self, group: Group, where: str) -> Pin:
        name, function = group.args[0], group.text("function")
        timings = group.all("timing")
        delays = tuple(
            self._delay(timing) for timing in timings if timing.all("cell_rise") or timing.all("cell_fall")
        )
        setups = [
            max(self._table(table).values)
            for timing in timings
            if timing.text("timing_type") == "setup_rising"
            for table in timing.groups
        ]
        powers = tuple(self._power(power, where) for power in group.all("internal_power"))
        return Pin(
            name,
            group.text("direction") == "output",
            self.number(group, "capacitance", 0.0) * self._ff,
            self.number(group, "max_capacitance", math.inf) * self._ff,
            parse_function(function, f"{where}: pin {name}") if function else None,
            delays,
            powers,
            max(setups, default=0.0),
        )

    def _delay(self, group: Group) -> DelayArc:
        sense = {"positive_unate": False, "negative_unate": True}.get(group.text("timing_sense") or "")
        tables = [
            self._table(found[0]) if (found := group.all(kind)) else None
            for kind in ("cell_rise", "cell_fall", "rise_transition", "fall_transition")
        ]
        return DelayArc(group.text("related_pin") or "", sense, *tables)

    def _power(self, group: Group, where: str) -> PowerArc:
        when = group.text("when")
        both = group.all("power")
        rise, fall = (
            self._table(found[0]) if (found := group.all(kind) or both) else Table.constant(0.0)
            for kind in ("rise_power", "fall_power")
        )
        # Liberty's unit of energy is that of capacitance times voltage squared.
        return PowerArc(
            group.text("related_pin"),
            parse_function(when, where) if when else None,
            rise.scaled(self._ff),
            fall.scaled(self._ff),
        )

    def _table(self, group: Group) -> Table:
        values = tuple(
            float(number)
            for line in group.attributes.get("values", [])
            for part in line
            for number in part.replace(",", " ").split()
        )
        template = self._templates.get(group.args[0]) if group.args else None
        if template is None:
            return Table.constant(values[0])
        axes, points = [], []
        for number in (1, 2, 3):
            variable = template.text(f"variable_{number}")
            if variable is None:
                break
            index = group.text(f"index_{number}") or template.text(f"index_{number}") or ""
            axis = _AXES.get(variable, variable)
            scale = self._ff if axis == LOAD else 1.0
            axes.append(axis)
            points.append(tuple(float(p) * scale for p in index.replace(",", " ").split()))
        size = 1
        for each in points:
            size *= len(each)
        if size != len(values):
            raise AccelsimError(
                f"{self._path}: a {group.kind} table has {len(values)} values, its axes {size}"
            )
        return Table(tuple(axes), tuple(points), values)
