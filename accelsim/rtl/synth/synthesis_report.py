"""What was measured, as a table to read and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import asdict

from accelsim.config.machine import Machine
from accelsim.rtl.synth.derive import Derivation
from accelsim.rtl.synth.measure_blocks import MeasuredBlock
from accelsim.tables import csv_text, frame_of, print_table


def print_blocks(blocks: Mapping[str, MeasuredBlock], machines: Mapping[str, Machine]) -> None:
    """Print blocks with area, leakage and period, and the pJ of each operation.

    Energies are with uniform operands, and with real ones: T positions, as the machine has them, and one.
    """
    positions = machines["unstructured"].mvu.position_block
    titles = [
        "block",
        "cells",
        "um2",
        "uW",
        "ns",
        "operation",
        "uniform, pJ",
        f"real T={positions}, pJ",
        "real T=1, pJ",
    ]
    rows = []
    for block in blocks.values():
        p = block.physical
        figures = [block.name, str(p.cells), f"{p.area_um2:.1f}", f"{p.leakage_uw:.2f}", f"{p.period_ns:.3f}"]
        for operation in dict.fromkeys(reading.operation for reading in block.readings) or [""]:
            rows.append(
                [*figures, operation, *(_energy(block, operation, wanted) for wanted in (0, positions, 1))]
            )
            figures = [""] * len(figures)
    print_table(frame_of(rows, titles), align="lrrrrlrrr")


def _energy(block: MeasuredBlock, operation: str, positions: int) -> str:
    measured = any((r.operation, r.positions) == (operation, positions) for r in block.readings)
    if measured:
        return f"{block.mean_pj(operation, positions):.4f}"
    return "-" if operation else ""


def print_comparison(blocks: Mapping[str, MeasuredBlock], machines: Mapping[str, Machine]) -> None:
    """Print the constants with real operands beside those with uniform ones."""
    positions = machines["unstructured"].mvu.position_block
    real = Derivation(blocks, machines, positions).events()
    uniform = Derivation(blocks, machines, 0).events()
    rows = [
        [key, number.value, uniform[key].value, number.value / uniform[key].value]
        for key, number in real.items()
    ]
    formats = {"real, pJ": ".4f", "uniform, pJ": ".4f", "ratio": ".2f"}
    print_table(frame_of(rows, ["event", *formats]), formats=formats)


def report_csv(blocks: Mapping[str, MeasuredBlock]) -> str:
    """Return one CSV row per block and operand set; a block that is measured for area only has one row without energy."""
    physical = ("recipe", "cells", "registers", "area_um2", "leakage_uw", "path_ns", "period_ns")
    energy = ("operation", "scheme", "layer", "positions", "energy_pj", "clock_pj", "inputs_pj")
    rows = [
        {"block": block.name} | asdict(block.physical) | row
        for block in blocks.values()
        for row in [asdict(reading) for reading in block.readings] or [{}]
    ]
    columns = ("block", *physical, *energy)
    return csv_text(frame_of(rows, columns), formats=dict.fromkeys(columns, _shown))


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


def _shown(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
