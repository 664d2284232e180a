"""Energy, leakage, cycle time and area of SRAM macros, interpolated in a table made with CACTI."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from accelsim.config.source import MAX_FILE_BYTES
from accelsim.errors import AccelsimError
from accelsim.files import read_text

_LIMITS: dict[str, tuple[float, float]] = {
    "size_kib": (2**-10, 2**20),
    "word_bits": (1, 2**16),
    "read_energy_pj": (1e-6, 1e6),
    "write_energy_pj": (1e-6, 1e6),
    "leakage_mw": (1e-12, 1e6),
    "gate_leakage_mw": (1e-12, 1e6),
    "random_cycle_time_ns": (1e-3, 1e6),
    "area_mm2": (1e-9, 1e6),
}
"""Columns that are read, and the smallest and largest value of each: far beyond any macro, and small enough that no sum
or product of them overflows."""

_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")

_OK = "ok"
"""What the column ``status``, if there is one, says of a row that CACTI could make."""


@dataclass(frozen=True, slots=True)
class SramMacro:
    """One macro of `kib` with words of `width_bits`; energies per access of one word."""

    kib: float
    width_bits: int
    read_pj: float
    write_pj: float
    leakage_mw: float
    cycle_ns: float
    area_mm2: float


@dataclass(frozen=True)
class SramTable:
    """Macros of one cell type on a grid of sizes and widths, ascending.

    label: the file, for messages.
    """

    label: str
    macros: tuple[SramMacro, ...]

    @cached_property
    def _grid(self) -> tuple[dict[tuple[float, int], SramMacro], list[float], list[int]]:
        """The macros by size and width, and both axes."""
        grid = {(macro.kib, macro.width_bits): macro for macro in self.macros}
        return grid, sorted({kib for kib, _ in grid}), sorted({bits for _, bits in grid})

    def macro(self, kib: float, width_bits: int) -> SramMacro:
        """The macro of a size and width, exact at table points and log-log bilinear between them.

        The cycle time is that of the slowest neighbour, so that a clock check errs to the safe side.
        Raises AccelsimError outside the table: nothing is extrapolated.
        """
        grid, all_sizes, all_widths = self._grid
        sizes, widths = _bracket(kib, all_sizes), _bracket(width_bits, all_widths)
        corners = [
            (weight_k * weight_w, grid.get((size, int(width))))
            for size, weight_k in sizes
            for width, weight_w in widths
        ]
        known = [(weight, macro) for weight, macro in corners if macro is not None]
        if not corners or len(known) < len(corners):
            low, high = self.macro_range_kib(width_bits)
            raise AccelsimError(
                f"{self.label}: no SRAM macro of {kib:g} KiB with {width_bits} bits a word; "
                f"the table has {low:g} to {high:g} KiB at that width"
            )

        def blend(name: str) -> float:
            if len(known) == 1:
                return float(getattr(known[0][1], name))
            return math.exp(math.fsum(weight * math.log(getattr(macro, name)) for weight, macro in known))

        return SramMacro(
            kib=kib,
            width_bits=width_bits,
            read_pj=blend("read_pj"),
            write_pj=blend("write_pj"),
            leakage_mw=blend("leakage_mw"),
            cycle_ns=max(macro.cycle_ns for _, macro in known),
            area_mm2=blend("area_mm2"),
        )

    def macro_range_kib(self, width_bits: int) -> tuple[float, float]:
        """Smallest and largest macro with words of `width_bits`. Raises AccelsimError if no width is near."""
        widths = sorted({macro.width_bits for macro in self.macros})
        around = [width for width, _ in _bracket(width_bits, widths)]
        if not around:
            raise AccelsimError(
                f"{self.label}: no SRAM macro with {width_bits} bits a word; "
                f"the table has widths from {widths[0]} to {widths[-1]} bits"
            )
        low = max(min(m.kib for m in self.macros if m.width_bits == width) for width in around)
        high = min(max(m.kib for m in self.macros if m.width_bits == width) for width in around)
        return low, high


def _bracket(value: float, axis: Sequence[float]) -> list[tuple[float, float]]:
    """Neighbours of `value` on a sorted axis with their weights in log space; none outside the axis."""
    if value in axis:
        return [(value, 1.0)]
    below = [point for point in axis if point < value]
    above = [point for point in axis if point > value]
    if not below or not above:
        return []
    low, high = below[-1], above[0]
    share = math.log(value / low) / math.log(high / low)
    return [(low, 1.0 - share), (high, share)]


def read_sram_table(path: Path, conditions: dict[str, str]) -> SramTable:
    """Read a table of macros. Leakage is subthreshold plus gate leakage.

    conditions: column to the text that every row must hold there (cell type, ports, ...), so that the
    technology file cannot claim another memory than the table describes.
    Raises AccelsimError, with the file and line, for a row that is not within `_LIMITS` and as claimed.
    """
    text = read_text(path, "SRAM table", max_bytes=MAX_FILE_BYTES)
    reader = csv.DictReader(io.StringIO(text))
    macros: dict[tuple[float, int], SramMacro] = {}
    try:
        columns = list(reader.fieldnames or ())
        missing = [name for name in (*_LIMITS, *conditions) if name not in columns]
        if missing:
            raise AccelsimError(f"{path}:1: column {missing[0]} is missing")
        if repeated := [name for name, count in Counter(columns).items() if count > 1]:
            raise AccelsimError(f"{path}:1: column {repeated[0]!r} is given twice")
        for row in reader:
            macro = _macro(row, conditions, f"{path}:{reader.line_num}")
            if (macro.kib, macro.width_bits) in macros:
                raise AccelsimError(
                    f"{path}:{reader.line_num}: {macro.kib:g} KiB, {macro.width_bits} bits twice"
                )
            macros[macro.kib, macro.width_bits] = macro
    except csv.Error as error:
        raise AccelsimError(f"{path}:{reader.line_num}: not valid CSV: {error}") from None
    if not macros:
        raise AccelsimError(f"{path}: no rows")
    return SramTable(path.name, tuple(macros[key] for key in sorted(macros)))


def _macro(row: dict[str | None, str | None], conditions: dict[str, str], where: str) -> SramMacro:
    if None in row:
        raise AccelsimError(f"{where}: has more cells than the table has columns")
    if None in row.values():
        raise AccelsimError(f"{where}: has fewer cells than the table has columns")
    for column, wanted in {**conditions, **({"status": _OK} if "status" in row else {})}.items():
        if row[column] != wanted:
            says = "allowed" if column == "status" else "the technology says"
            raise AccelsimError(f"{where}: {column} is {row[column]!r}, {says} {wanted!r}")
    numbers = {column: _number(row[column], column, where) for column in _LIMITS}
    if not numbers["word_bits"].is_integer():
        raise AccelsimError(f"{where}: word_bits is {row['word_bits']}; must be a whole number")
    return SramMacro(
        kib=numbers["size_kib"],
        width_bits=int(numbers["word_bits"]),
        read_pj=numbers["read_energy_pj"],
        write_pj=numbers["write_energy_pj"],
        leakage_mw=numbers["leakage_mw"] + numbers["gate_leakage_mw"],
        cycle_ns=numbers["random_cycle_time_ns"],
        area_mm2=numbers["area_mm2"],
    )


def _number(cell: str | None, column: str, where: str) -> float:
    if cell is None or not _NUMBER.fullmatch(cell):
        raise AccelsimError(f"{where}: {column} is {cell!r}, not a number")
    low, high = _LIMITS[column]
    if not low <= float(cell) <= high:
        raise AccelsimError(f"{where}: {column} is {cell[:40]}; must be {low:g} to {high:g}")
    return float(cell)
