"""Energy, delay and area of netlists of a few gates, worked by hand from tests/rtl/tiny.lib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.errors import AccelsimError
from accelsim.rtl.synth.gate_power import PowerMeter
from accelsim.rtl.synth.gate_simulation import Simulator, bits_of
from accelsim.rtl.synth.library import Library, load_library
from accelsim.rtl.synth.netlist import Netlist, read_netlist
from accelsim.rtl.synth.static_timing import analyze

TINY = Path(__file__).parent / "tiny.lib"
STREAMS = 64


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library(TINY)


def netlist(library: Library, ports: dict[str, tuple[str, int]], cells: dict[str, Any]) -> Netlist:
    """A netlist as Yosys writes it; `cells` maps names to (kind, pins), all nets of one bit."""
    json = {
        "modules": {
            "top": {
                "ports": {name: {"direction": way, "bits": [net]} for name, (way, net) in ports.items()},
                "cells": {
                    name: {"type": kind, "connections": {pin: [net] for pin, net in pins.items()}}
                    for name, (kind, pins) in cells.items()
                },
            }
        }
    }
    return read_netlist(json, "top", library)


def two_gates(library: Library) -> Netlist:
    """y = !(!(a & b)): a NAND2 and an inverter."""
    return netlist(
        library,
        {"a": ("input", 2), "b": ("input", 3), "y": ("output", 5)},
        {
            "nand": ("NAND2", {"A1": 2, "A2": 3, "ZN": 4}),
            "inv": ("INV", {"A": 4, "ZN": 5}),
        },
    )


def run(design: Netlist, library: Library, **ports: list[int]) -> tuple[Simulator, PowerMeter]:
    """The values of each port cycle by cycle, the same in all streams; the first cycle is not counted."""
    simulator = Simulator(design, STREAMS)
    meter = PowerMeter(simulator, library, analyze(design, library).slews_ns)
    packed = {
        port: bits_of(np.repeat(np.array(values)[:, None], STREAMS, axis=1), 1)
        for port, values in ports.items()
    }
    for cycle in range(len(next(iter(ports.values())))):
        simulator.cycle({port: bits[cycle] for port, bits in packed.items()})
        if cycle:
            meter.observe()
    return simulator, meter


def test_two_gates_by_hand(library: Library) -> None:
    """a rises (nothing else moves), then b rises (both gates switch), then both fall at once."""
    _, meter = run(two_gates(library), library, a=[0, 1, 1, 0], b=[0, 0, 1, 0])
    square = 2.0**2
    # The inverter's input loads the NAND with 1 fF; a register's data pin of 1.5 fF loads the output.
    # b rises: ZN falls by A2 with A1 high: 4 fJ; the inverter rises at a load of 1.5 fF: 3 + 0.15 fJ.
    second = 4.0 + 0.5 * 1.0 * square + 3.15 + 0.5 * 1.5 * square
    # Both fall: ZN rises; neither arc's condition holds afterwards, so it costs the mean of 8 and 6; the inverter falls: 1.
    third = 7.0 + 0.5 * 1.0 * square + 1.0 + 0.5 * 1.5 * square
    energy = meter.energies()[0]
    assert energy.cells_pj == pytest.approx((second + third) / 3 * 1e-3)
    # a moves twice at 2 fF, b twice at 3 fF.
    assert energy.inputs_pj == pytest.approx(0.5 * square * (2 * 2.0 + 2 * 3.0) / 3 * 1e-3)
    assert energy.clock_pj == 0.0


def test_an_input_that_moves_nothing_costs_its_hidden_energy(library: Library) -> None:
    """With a low, b rises and falls without moving the output."""
    _, meter = run(two_gates(library), library, a=[0, 0, 0], b=[0, 1, 0])
    assert meter.energies()[0].cells_pj == pytest.approx((0.5 + 0.25) / 2 * 1e-3)


def test_longest_path_by_hand(library: Library) -> None:
    """b to ZN rising is the slowest: 0.50 + 0.01 a fF at 1 fF, then the inverter falls: 0.05 + 0.01 x 1.5."""
    timing = analyze(two_gates(library), library)
    path = 0.51 + 0.065
    assert timing.path_ns == pytest.approx(path)
    # b comes from a register: it falls (which makes ZN rise) 0.12 + 0.01 x 3 after the clock; set-up is 0.04 at worst.
    assert timing.period_ns == pytest.approx(0.15 + path + 0.04)


def test_area_and_leakage_are_sums(library: Library) -> None:
    design = two_gates(library)
    assert design.area_um2 == 3.0
    assert design.leakage_uw == pytest.approx(0.030)


def test_register_by_hand(library: Library) -> None:
    """d: 0 0 1 1 0: the register follows a cycle later; every phase of its clock has its own energy."""
    design = netlist(
        library,
        {"clk": ("input", 2), "d": ("input", 3), "q": ("output", 4)},
        {"ff": ("DFF", {"CK": 2, "D": 3, "Q": 4})},
    )
    simulator, meter = run(design, library, d=[0, 0, 1, 1, 0])
    square = 2.0**2
    cycles = [
        1.0 + 2.0,  # d stays 0: the clock rises and falls with D = Q
        1.0 + 0.1 + 5.0,  # d rises while the clock is high; it falls with D != Q
        9.0 + 0.5 * 1.5 * square + 2.0,  # q rises with the clock (no hidden energy), then D = Q
        1.0 + 0.1 + 5.0,  # d falls
    ]
    energy = meter.energies()[0]
    assert energy.cells_pj == pytest.approx(sum(cycles) / 4 * 1e-3)
    assert energy.clock_pj == pytest.approx(0.5 * square * 1e-3)  # 0.5 fF up and down a cycle
    assert simulator.output("q").tolist() == [1] * STREAMS


def test_clock_gate_by_hand(library: Library) -> None:
    """Open in every second cycle. A gate that may drive 1.2 fF is copied for the third register of 0.5 fF."""
    registers = {f"ff{i}": ("DFF", {"CK": 5, "D": 3, "Q": 6 + i}) for i in range(3)}
    design = netlist(
        library,
        {"clk": ("input", 2), "d": ("input", 3), "en": ("input", 4)}
        | {f"q{i}": ("output", 6 + i) for i in range(3)},
        {"gate": ("GATE", {"CK": 2, "E": 4, "GCK": 5})} | registers,
    )
    assert len(design.gates) == 2
    simulator, meter = run(design, library, d=[0, 0, 0, 0, 0], en=[0, 1, 0, 1, 0])
    square = 2.0**2
    # Two gates: closed they take 0.2 + 0.3, open 2 + 2.5 and the loads of 1 fF and 0.5 fF, up and down.
    closed, opened = 2 * 0.5, 2 * 4.5 + 1.5 * square
    root = 2 * 1.0 * square  # two clock pins of 1 fF
    # The falling edge of an open gate is the output's change, so nothing is hidden in it.
    assert meter.energies()[0].clock_pj == pytest.approx((root + (closed + opened) / 2) * 1e-3)
    # Three registers, clocked in half of the cycles with D = Q.
    assert meter.energies()[0].cells_pj == pytest.approx(3 * (1.0 + 2.0) / 2 * 1e-3)
    assert simulator.output("q0").tolist() == [0] * STREAMS


def test_a_closed_gate_holds_the_registers(library: Library) -> None:
    design = netlist(
        library,
        {"clk": ("input", 2), "d": ("input", 3), "en": ("input", 4), "q": ("output", 6)},
        {"gate": ("GATE", {"CK": 2, "E": 4, "GCK": 5}), "ff": ("DFF", {"CK": 5, "D": 3, "Q": 6})},
    )
    simulator = Simulator(design, STREAMS)
    seen = []
    for d, enable in ((1, 1), (0, 0), (1, 0), (0, 1), (1, 0)):
        ones = np.array([[[0xFFFFFFFFFFFFFFFF]]], np.uint64)
        simulator.cycle({"d": ones[0] * np.uint64(d), "en": ones[0] * np.uint64(enable)})
        seen.append(int(simulator.output("q")[0]))
    assert seen == [0, 1, 1, 1, 0]  # the value of d in the cycle in which en was 1, one cycle later


def test_streams_are_independent(library: Library) -> None:
    design = two_gates(library)
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, (2, 1, 128))
    simulator = Simulator(design, 128)
    simulator.cycle({"a": bits_of(a, 1)[0], "b": bits_of(b, 1)[0]})
    assert simulator.output("y").tolist() == (a & b)[0].tolist()


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"x": ("OR7", {"A": 2, "ZN": 4})}, "x is a OR7, which the cell library does not have"),
        ({"x": ("INV", {"A": 2, "ZN": 4}), "y": ("INV", {"A": 2, "ZN": 4})}, "two drivers"),
        ({"x": ("INV", {"A": 9, "ZN": 4})}, "1 nets have no driver, 9 for one"),
        ({"x": ("INV", {"A": 4, "ZN": 5}), "y": ("INV", {"A": 5, "ZN": 4})}, "2 cells are in a loop"),
        ({"x": ("INV", {"ZN": 4})}, "pin A of a INV is left open"),
    ],
)
def test_netlists_that_are_none(library: Library, cells: dict[str, Any], said: str) -> None:
    with pytest.raises(AccelsimError, match=said):
        netlist(library, {"a": ("input", 2), "q": ("output", 4)}, cells)
