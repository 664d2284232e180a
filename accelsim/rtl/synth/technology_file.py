"""The technology file (accelsim/config/technology.py) of what was measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date

from accelsim.config.machine import Machine
from accelsim.config.technology import SramSection
from accelsim.rtl.synth.derive import Derivation, Number, Unit
from accelsim.rtl.synth.library import Library
from accelsim.rtl.synth.measure_blocks import SHARES_OF_PERIOD, STAGE_NS, MeasuredBlock

MEASUREMENT = "rtl"

METHOD = (
    "Blocks of accelsim/rtl/ (Amaranth, emitted as RTLIL) mapped by Yosys and ABC, aiming at "
    f"{100 * SHARES_OF_PERIOD[0]:g} % of the {STAGE_NS:g} ns that a stage may take, at {100 * SHARES_OF_PERIOD[1]:g} % "
    "if that misses them. Delay: static timing of accelsim/rtl/synth/static_timing.py on the library's NLDM tables, pin "
    "loads without wires, clock-to-output and set-up of registers at both ends included. Energy: gate-level simulation of "
    "accelsim/rtl/synth/gate_simulation.py without delays (no glitches), internal energies of the library at the timed "
    "transitions plus half C V^2 a change of every load, an output loaded with one flip-flop; clock pins and clock gates "
    "included, clock tree and wires not."
)

_HEADER = """\
# yaml-language-server: $schema=../../docs/schema/technology.json
# 45 nm: energy per event, and area, leakage and delay per block, measured on the blocks of rtl/ with real operands.
# Written by `make synth`; do not edit. docs/energy.md says what each number is charged for.
# {name}-blocks.csv beside this file has every block and operand set.
"""


def technology_yaml(
    name: str,
    blocks: Mapping[str, MeasuredBlock],
    machines: Mapping[str, Machine],
    library: Library,
    sram: SramSection,
    tools: str,
    day: date,
) -> str:
    """Return the text of the technology file.

    Args:
        name: Name of the technology.
        blocks: The measured blocks by name.
        machines: Machines by name, ``structured`` and ``unstructured`` at least.
        library: The library of cells that the blocks were mapped to.
        sram: The SRAM section of another technology file, which is taken over.
        tools: Names and versions of the tools that measured.
        day: When the blocks were measured.
    """
    positions = machines["unstructured"].mvu.position_block
    derivation = Derivation(blocks, machines, positions)
    lines = [
        _HEADER.format(name=name).rstrip(),
        *_head_lines(name, library, sram),
        "",
        *_measurement_lines(library, tools, day),
        "",
        "events:",
        *_event_lines(derivation.events(), Derivation(blocks, machines, 0).events(), positions),
        "",
        "blocks:",
        *_block_lines(derivation.blocks()),
        "",
        "sram:",
        *(f"  {key}: {_text(value)}" for key, value in sram.model_dump().items()),
        "",
    ]
    return "\n".join(lines)


def _head_lines(name: str, library: Library, sram: SramSection) -> list[str]:
    """Return the lines of format, name and process."""
    conditions = (
        f"{library.name}, typical corner, {library.supply_v:g} V, {library.temperature_c:g} C; "
        f"SRAM at {sram.temperature_k} K"
    )
    return [
        "format: accelsim-technology/1",
        f"name: {name}",
        "description: 45 nm, the blocks of rtl/ in Nangate45 typical cells with real operands; CACTI 7 LSTP SRAM",
        "process:",
        "  node_nm: 45",
        f"  supply_v: {library.supply_v:g}",
        f"  logic_temperature_c: {library.temperature_c:g}",
        f"  source: {_text(conditions)}",
    ]


def _measurement_lines(library: Library, tools: str, day: date) -> list[str]:
    """Return the lines of the section `measurements`."""
    return [
        "measurements:",
        f"  {MEASUREMENT}:",
        f"    method: {_text(METHOD)}",
        f"    tools: {_text(tools)}",
        f"    date: {_text(day.isoformat())}",
        f"    library: {_text(f'{library.name} ({library.path.name})')}",
        f"    library_sha256: {_text(library.sha256)}",
    ]


def _event_lines(events: Mapping[str, Number], uniform: Mapping[str, Number], positions: int) -> list[str]:
    """Return the lines of the section `events`: energies with real and with `uniform` operands."""
    operands = (
        "real: ResNet-18 (CIFAR-10), one 3x3 layer of each stage, mean over layers and schemes (dense, "
        f"unstructured-87.5, nm-1of8) where the operation occurs, in the core's order with {positions} positions a job"
    )
    lines = []
    for key, number in events.items():
        lines += [
            f"  {key}:",
            f"    value: {number.value:.5g}",
            f"    uniform_value: {uniform[key].value:.5g}",
            f"    source: {_text(number.source)}",
            f"    operands: {_text(operands if 'uniform' not in number.source else 'uniform')}",
            f"    measurement: {MEASUREMENT}",
        ]
    return lines


def _block_lines(units: Mapping[str, Unit]) -> list[str]:
    """Return the lines of the section `blocks`."""
    lines = []
    for key, unit in units.items():
        lines += [
            f"  {key}:",
            f"    area_um2: {unit.area_um2:.6g}",
            f"    leakage_uw: {unit.leakage_uw:.6g}",
            f"    delay_ns: {unit.delay_ns:.5g}",
            f"    source: {_text(unit.source)}",
            f"    measurement: {MEASUREMENT}",
        ]
    return lines


def _text(value: object) -> str:
    """Return a YAML scalar: JSON's strings and numbers are YAML."""
    return json.dumps(value)
