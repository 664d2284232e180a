"""What was measured, as a table to read and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import asdict

from accelsim.config.machine import Machine
from accelsim.rtl.synth.derive import Derivation
from accelsim.rtl.synth.measure_blocks import MeasuredBlock


def table(blocks: Mapping[str, MeasuredBlock], machines: Mapping[str, Machine]) -> str:
    """Blocks with area, leakage and period, and the energy of each operation: uniform, real with T positions, and one."""
    positions = machines["unstructured"].mvu.position_block
    lines = [
        f"{'block':22}{'cells':>7}{'um2':>10}{'uW':>8}{'ns':>7}   {'operation':13}"
        f"{'uniform':>9}{f'real T={positions}':>10}{'real T=1':>10}  pJ"
    ]
    for block in blocks.values():
        p = block.physical
        start = f"{block.name:22}{p.cells:>7}{p.area_um2:>10.1f}{p.leakage_uw:>8.2f}{p.period_ns:>7.3f}"
        operations = list(dict.fromkeys(reading.operation for reading in block.readings))
        for operation in operations:
            cells = []
            for wanted in (0, positions, 1):
                measured = any((r.operation, r.positions) == (operation, wanted) for r in block.readings)
                cells.append(f"{block.mean_pj(operation, wanted):.4f}" if measured else "-")
            lines.append(f"{start}   {operation:13}{cells[0]:>9}{cells[1]:>10}{cells[2]:>10}")
            start = " " * len(start)
        if not operations:
            lines.append(start)
    return "\n".join(lines)


def comparison(blocks: Mapping[str, MeasuredBlock], machines: Mapping[str, Machine]) -> str:
    """The constants with real operands beside those with uniform ones."""
    positions = machines["unstructured"].mvu.position_block
    real = Derivation(blocks, machines, positions).events()
    uniform = Derivation(blocks, machines, 0).events()
    lines = [f"{'event':34}{'real':>10}{'uniform':>10}{'ratio':>8}"]
    for key, number in real.items():
        other = uniform[key].value
        lines.append(f"{key:34}{number.value:>10.4f}{other:>10.4f}{number.value / other:>8.2f}")
    return "\n".join(lines)


def report_csv(blocks: Mapping[str, MeasuredBlock]) -> str:
    """One row a block and operand set; a block that is measured for area only has one row without energy."""
    out = io.StringIO()
    physical = ("recipe", "cells", "registers", "area_um2", "leakage_uw", "path_ns", "period_ns")
    energy = ("operation", "scheme", "layer", "positions", "energy_pj", "clock_pj", "inputs_pj")
    writer = csv.DictWriter(out, ("block", *physical, *energy), lineterminator="\n")
    writer.writeheader()
    for block in blocks.values():
        shared = {"block": block.name} | asdict(block.physical)
        for row in [asdict(reading) for reading in block.readings] or [{}]:
            writer.writerow({key: _shown(value) for key, value in (shared | row).items()})
    return out.getvalue()


def deviations(blocks: Mapping[str, MeasuredBlock], shipped: str) -> Iterator[str]:
    """Where the blocks' rows of `report_csv` are not those of the `shipped` one, a line each; other blocks do not count."""
    rows = csv.DictReader(io.StringIO(shipped))
    wanted = {_key(row): row for row in rows if row["block"] in blocks}
    for row in csv.DictReader(io.StringIO(report_csv(blocks))):
        what = " ".join(part for part in _key(row) if part)
        if (other := wanted.pop(_key(row), None)) is None:
            yield f"{what}: not in the shipped report"
            continue
        yield from (
            f"{what}: {name} {row[name]}, shipped {other[name]}" for name in row if row[name] != other[name]
        )
    yield from (f"{' '.join(part for part in key if part)}: in the shipped report only" for key in wanted)


def _key(row: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(row[name] for name in ("block", "operation", "scheme", "layer", "positions"))


def _shown(value: object) -> object:
    return f"{value:.5g}" if isinstance(value, float) else value
