"""Static timing: how late every net settles, with transition times carried along (NLDM tables, no wires)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from accelsim.rtl.synth.blocks_table import Table
from accelsim.rtl.synth.library import DelayArc, Library
from accelsim.rtl.synth.netlist import Instance, Netlist

CLOCK_SLEW_NS = 0.03
"""Transition time assumed of an ideal clock."""


@dataclass(frozen=True)
class Edge:
    """When a net's rise or fall is over at the latest, and how long its transition then takes."""

    arrival_ns: float
    slew_ns: float


@dataclass(frozen=True)
class Timing:
    """`path_ns` is the longest path of combinational cells alone; `period_ns` the shortest clock period.

    The period counts a register in front of every input and behind every output: its clock-to-output delay
    and set-up time are in it. `slews_ns` maps nets to their mean transition time, rise and fall.
    """

    path_ns: float
    period_ns: float
    slews_ns: Mapping[int, float]


def analyze(netlist: Netlist, library: Library) -> Timing:
    """Latest arrivals at all nets, worst arc and worst transition of each cell kept (a safe upper bound)."""
    flip_flop = library.flip_flop()
    assert flip_flop.register is not None
    data = min(flip_flop.register.next_state.pins())
    setup = flip_flop.pins[data].setup_ns
    launch = {}
    for nets in netlist.inputs.values():
        for net in nets:
            launch[net] = _clocked(flip_flop.pins[_state_pin(library)].delays, netlist.loads_ff[net])
    for each in (*netlist.registers, *netlist.gates):
        for pin in each.cell.outputs:
            launch[each.nets[pin]] = _clocked(each.cell.pins[pin].delays, netlist.loads_ff[each.nets[pin]])

    with_registers = _propagate(netlist, launch)
    from_zero = _propagate(
        netlist, {net: tuple(Edge(0.0, e.slew_ns) for e in both) for net, both in launch.items()}
    )

    ends = [(net, setup) for nets in netlist.outputs.values() for net in nets]
    for each in (*netlist.registers, *netlist.gates):
        ends += [(each.nets[pin], each.cell.pins[pin].setup_ns) for pin in each.cell.inputs]
    reached = [(net, margin) for net, margin in ends if net in with_registers]
    return Timing(
        path_ns=max((_late(from_zero[net]) for net, _ in reached), default=0.0),
        period_ns=max((_late(with_registers[net]) + margin for net, margin in reached), default=0.0),
        slews_ns={net: sum(edge.slew_ns for edge in both) / 2 for net, both in with_registers.items()},
    )


def _state_pin(library: Library) -> str:
    cell = library.flip_flop()
    assert cell.register is not None
    state = cell.register.state
    return next(
        pin.name for pin in cell.pins.values() if pin.function is not None and pin.function.pin == state
    )


def _late(both: Iterable[Edge]) -> float:
    return max(edge.arrival_ns for edge in both)


def _clocked(arcs: Iterable[DelayArc], load_ff: float) -> tuple[Edge, ...]:
    """Rise and fall of an output that follows the clock's edge."""
    listed = list(arcs)
    return tuple(
        Edge(
            max((_look(_delay(arc, rise), CLOCK_SLEW_NS, load_ff) for arc in listed), default=0.0),
            max((_look(_slew(arc, rise), CLOCK_SLEW_NS, load_ff) for arc in listed), default=CLOCK_SLEW_NS),
        )
        for rise in (True, False)
    )


def _propagate(netlist: Netlist, launch: Mapping[int, tuple[Edge, ...]]) -> dict[int, tuple[Edge, ...]]:
    edges = dict(launch)
    for each in netlist.combinational:
        for pin in each.cell.outputs:
            if settled := _through(each, pin, edges, netlist.loads_ff[each.nets[pin]]):
                edges[each.nets[pin]] = settled
    return edges


def _through(
    each: Instance, pin: str, edges: Mapping[int, tuple[Edge, ...]], load_ff: float
) -> tuple[Edge, ...]:
    """(rise, fall) of an output pin; empty if only constants reach it."""
    latest: list[list[Edge]] = [[], []]
    for arc in each.cell.pins[pin].delays:
        before = edges.get(each.nets[arc.related])
        if before is None:
            continue
        for out in (0, 1):  # rise, fall
            for into in (0, 1):
                if arc.inverting is not None and (out != into) != arc.inverting:
                    continue
                start = before[into]
                delay = _look(_delay(arc, out == 0), start.slew_ns, load_ff)
                slew = _look(_slew(arc, out == 0), start.slew_ns, load_ff)
                latest[out].append(Edge(start.arrival_ns + delay, slew))
    if not (latest[0] or latest[1]):
        return ()
    both = [found or latest[1 - index] for index, found in enumerate(latest)]
    return tuple(Edge(_late(found), max(edge.slew_ns for edge in found)) for found in both)


def _delay(arc: DelayArc, rise: bool) -> Table | None:
    return arc.rise_delay if rise else arc.fall_delay


def _slew(arc: DelayArc, rise: bool) -> Table | None:
    return arc.rise_slew if rise else arc.fall_slew


def _look(table: Table | None, slew_ns: float, load_ff: float) -> float:
    return max(0.0, table.at(slew_ns, load_ff)) if table is not None else 0.0
