"""Plain blocks through this flow beside another flow's figures of the same library (other scripts, other simulator).

That flow: Yosys 0.70 and ABC, delays by another static timing, energies from event-driven simulation, settled values
only. It loaded outputs more and drew its recipes from a longer list, so figures agree to within tens of per cent.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyosys", reason="needs the extra rtl")

from accelsim.rtl.synth.gate_power import measure
from accelsim.rtl.synth.gate_simulation import bits_of
from accelsim.rtl.synth.library import Library, load_library
from accelsim.rtl.synth.netlist import read_netlist
from accelsim.rtl.synth.static_timing import analyze
from accelsim.rtl.synth.yosys_mapping import Recipe, map_design

LIBERTY = os.environ.get("LIBERTY", "")
pytestmark = pytest.mark.skipif(
    not LIBERTY, reason="set LIBERTY to the Nangate45 typical library, which cannot be shipped"
)

ADDER = "module add{n}(input [{m}:0] a, input [{m}:0] b, output [{m}:0] y); assign y = a + b; endmodule"
DESIGNS = {
    "add16": ADDER.format(n=16, m=15),
    "add32": ADDER.format(n=32, m=31),
    "add48": ADDER.format(n=48, m=47),
    "mul16s": "module mul16s(input signed [15:0] a, input signed [15:0] b, output signed [31:0] y);"
    " assign y = a * b; endmodule",
    "mul4s": "module mul4s(input signed [3:0] a, input signed [3:0] b, output signed [7:0] y);"
    " assign y = a * b; endmodule",
    "mux2_16": "module mux2_16(input [15:0] a, input [15:0] b, input s, output [15:0] y);"
    " assign y = s ? a : b; endmodule",
    "reg16": "module reg16(input clk, input [15:0] d, output reg [15:0] q); always @(posedge clk) q <= d; endmodule",
}
OTHERS = {  # um2, ns, pJ with uniform operands
    "add16": (83.258, 0.6117, 0.19281),
    "add32": (183.274, 1.0849, 0.42012),
    "add48": (322.658, 1.4411, 0.75084),
    "mul16s": (1393.042, 1.4527, 2.86421),
    "mul4s": (71.288, 0.5055, 0.15564),
    "mux2_16": (30.59, 0.1715, 0.07819),
    "reg16": (72.352, 0.0928, 0.25987),
}


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library(Path(LIBERTY))


@pytest.mark.parametrize("name", DESIGNS)
def test_beside_another_flow(library: Library, name: str) -> None:
    mapped = map_design(DESIGNS[name], name, library, Recipe(1700, booth=True))
    netlist = read_netlist(mapped.json, name, library)
    timing = analyze(netlist, library)
    rng = np.random.default_rng(1)
    stimulus = {
        port: bits_of(rng.integers(0, 2, (24, 512, len(nets))), 1) for port, nets in netlist.inputs.items()
    }
    energy = measure(netlist, library, timing.slews_ns, [stimulus], warm_up=2)[0]
    area_um2, path_ns, energy_pj = OTHERS[name]
    print(
        f"{name}: {netlist.area_um2 / area_um2:.2f} area, {energy.total_pj / energy_pj:.2f} energy, "
        f"{timing.path_ns / path_ns:.2f} delay"
    )
    assert 0.8 < netlist.area_um2 / area_um2 < 1.25
    assert 0.6 < energy.total_pj / energy_pj < 1.1
    if name != "reg16":  # its delay there is clock to output
        assert 0.6 < timing.path_ns / path_ns < 1.6
