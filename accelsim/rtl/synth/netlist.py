"""A flat gate-level netlist, read from Yosys's JSON and put in order of evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from accelsim.errors import AccelsimError
from accelsim.rtl.synth.library import Cell, Library

ZERO, ONE = 0, 1  # nets of the two constants; Yosys numbers its own from 2


@dataclass(frozen=True)
class Instance:
    """One cell of the netlist; `nets` maps its pins to net numbers (an output that drives nothing has its own)."""

    name: str
    cell: Cell
    nets: Mapping[str, int]


@dataclass(frozen=True)
class Netlist:
    """Instances by kind, combinational ones ordered so that each follows what drives it.

    `inputs` and `outputs` map ports to their nets, least significant bit first, without the clock;
    `loads_ff` is the capacitance that a net's driver sees.
    """

    name: str
    inputs: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, tuple[int, ...]]
    clock: int | None
    combinational: tuple[Instance, ...]
    levels: tuple[tuple[Instance, ...], ...]
    registers: tuple[Instance, ...]
    gates: tuple[Instance, ...]
    nets: int
    loads_ff: Mapping[int, float] = field(repr=False)

    @property
    def instances(self) -> tuple[Instance, ...]:
        """All cells."""
        return (*self.combinational, *self.registers, *self.gates)

    @property
    def area_um2(self) -> float:
        """Sum of the cells' areas; no wires, no spacing."""
        return sum(each.cell.area_um2 for each in self.instances)

    @property
    def leakage_uw(self) -> float:
        """Sum of the cells' leakage (the library's state-independent figure)."""
        return sum(each.cell.leakage_nw for each in self.instances) * 1e-3


def read_netlist(json: Mapping[str, Any], top: str, library: Library) -> Netlist:
    """The netlist of module `top`; an output port is loaded with one flip-flop's input.

    Raises AccelsimError for a cell that the library does not have, a net with two drivers or none, a loop,
    or more than one clock.
    """
    module = json["modules"][top]
    reader = _Reader(module, top, library)
    return reader.netlist()


class _Reader:
    def __init__(self, module: Mapping[str, Any], top: str, library: Library) -> None:
        self._module, self._top, self._library = module, top, library
        self._instances = [
            self._instance(name, cell)
            for name, cell in module["cells"].items()
            if cell["type"] != "$scopeinfo"
        ]
        self._next_net = 2 + max(
            (bit for _, _, bits in self._bit_lists() for bit in bits if isinstance(bit, int)), default=1
        )

    def _bit_lists(self) -> Iterator[tuple[str, str, list[int | str]]]:
        for name, port in self._module["ports"].items():
            yield name, port["direction"], port["bits"]
        for name, cell in self._module["cells"].items():
            for pin, bits in cell["connections"].items():
                yield name, pin, bits

    def _instance(
        self, name: str, cell: Mapping[str, Any]
    ) -> tuple[str, Cell, Mapping[str, list[int | str]]]:
        found = self._library.cells.get(cell["type"])
        if found is None:
            raise AccelsimError(
                f"{self._top}: {name} is a {cell['type']}, which the cell library does not have"
            )
        return name, found, cell["connections"]

    def netlist(self) -> Netlist:
        instances = [Instance(name, cell, self._nets(cell, pins)) for name, cell, pins in self._instances]
        instances = self._with_gates_cloned(instances)
        registers = [each for each in instances if each.cell.register]
        gates = [each for each in instances if each.cell.gate]
        combinational = [each for each in instances if not each.cell.register and not each.cell.gate]
        clock = self._clock(registers, gates)
        inputs = self._ports("input", clock)
        outputs = self._ports("output", clock)
        driven = {net for nets in inputs.values() for net in nets} | {ZERO, ONE}
        if clock is not None:
            driven.add(clock)
        for each in instances:
            for pin in each.cell.outputs:
                if each.nets[pin] in driven:
                    raise AccelsimError(f"{self._top}: the net at {each.name}.{pin} has two drivers")
                driven.add(each.nets[pin])
        needed = {net for each in instances for pin in each.cell.inputs for net in [each.nets[pin]]}
        needed |= {net for nets in outputs.values() for net in nets}
        if missing := needed - driven:
            raise AccelsimError(f"{self._top}: {len(missing)} nets have no driver, {min(missing)} for one")
        levels = _levels(combinational, self._top)
        return Netlist(
            self._top,
            inputs,
            outputs,
            clock,
            tuple(each for level in levels for each in level),
            tuple(levels),
            tuple(registers),
            tuple(gates),
            self._next_net,
            self._loads(instances, outputs),
        )

    def _nets(self, cell: Cell, pins: Mapping[str, list[int | str]]) -> Mapping[str, int]:
        nets = {}
        for pin in cell.pins:
            bits = pins.get(pin) or []
            if bits:
                nets[pin] = _net(bits[0])
            elif cell.pins[pin].is_output:
                nets[pin] = self._next_net
                self._next_net += 1
            else:
                raise AccelsimError(f"{self._top}: pin {pin} of a {cell.name} is left open")
        return nets

    def _with_gates_cloned(self, instances: list[Instance]) -> list[Instance]:
        """A copy of a clock gate for every so many registers as it can drive: Yosys makes one, whatever its load."""
        result = [each for each in instances if not each.cell.register]
        by_clock: dict[int, list[Instance]] = {}
        for each in instances:
            if each.cell.register:
                by_clock.setdefault(each.nets[each.cell.register.clock], []).append(each)
        for each in [each for each in instances if each.cell.gate]:
            assert each.cell.gate is not None
            output = each.cell.gate.output
            room = each.cell.pins[output].most_load_ff
            net, load = each.nets[output], 0.0
            for register in by_clock.pop(net, []):
                assert register.cell.register is not None
                pin = register.cell.register.clock
                load += register.cell.pins[pin].capacitance_ff
                if load > room:
                    net, load = self._next_net, register.cell.pins[pin].capacitance_ff
                    self._next_net += 1
                    result.append(Instance(f"{each.name}_{net}", each.cell, {**each.nets, output: net}))
                result.append(Instance(register.name, register.cell, {**register.nets, pin: net}))
        return result + [each for registers in by_clock.values() for each in registers]

    def _ports(self, direction: str, clock: int | None) -> dict[str, tuple[int, ...]]:
        ports = {
            name: tuple(_net(bit) for bit in port["bits"])
            for name, port in self._module["ports"].items()
            if port["direction"] == direction
        }
        return {name: nets for name, nets in ports.items() if clock is None or nets != (clock,)}

    def _clock(self, registers: list[Instance], gates: list[Instance]) -> int | None:
        gated = {each.nets[gate.output] for each in gates if (gate := each.cell.gate)}
        roots = {each.nets[reg.clock] for each in registers if (reg := each.cell.register)} - gated
        roots |= {each.nets[gate.clock] for each in gates if (gate := each.cell.gate)}
        if len(roots) > 1:
            raise AccelsimError(f"{self._top}: registers on {len(roots)} clocks; one is expected")
        return roots.pop() if roots else None

    def _loads(self, instances: list[Instance], outputs: Mapping[str, tuple[int, ...]]) -> dict[int, float]:
        loads = dict.fromkeys(range(self._next_net), 0.0)
        for each in instances:
            for pin in each.cell.inputs:
                loads[each.nets[pin]] += each.cell.pins[pin].capacitance_ff
        for nets in outputs.values():
            for net in nets:
                loads[net] += self._library.register_load_ff
        return loads


def _net(bit: int | str) -> int:
    """Yosys's bit: a net's number, or a constant; an undefined constant is 0, as ABC may choose."""
    return bit if isinstance(bit, int) else ONE if bit == "1" else ZERO


def _levels(combinational: list[Instance], where: str) -> list[tuple[Instance, ...]]:
    """Return instances by their longest distance, in cells, from inputs and registers."""
    driver = {each.nets[pin]: index for index, each in enumerate(combinational) for pin in each.cell.outputs}
    sorter = TopologicalSorter[int](dict.fromkeys(range(len(combinational)), ()))
    for index, each in enumerate(combinational):
        nets = (each.nets[pin] for pin in each.cell.inputs)
        sorter.add(index, *(driver[net] for net in nets if net in driver))
    try:
        sorter.prepare()
    except CycleError as error:
        loop = [combinational[index] for index in error.args[1][1:]]
        raise AccelsimError(
            f"{where}: {len(loop)} cells are in a loop without a register, {loop[0].name} is one of them"
        ) from None
    levels = []
    while ready := sorter.get_ready():
        levels.append(tuple(combinational[index] for index in ready))
        sorter.done(*ready)
    return levels
