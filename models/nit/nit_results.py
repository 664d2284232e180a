"""The accuracies of trained networks as a CSV file, a line per network; docs/results/nit.csv is one."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from accelsim.errors import AccelsimError
from accelsim.files import read_text
from accelsim.tables import frame_of, write_csv
from models.nit.nit_columns import EXTRA_COLUMNS, PAPER_COLUMNS

EXACT_COLUMNS = ("clean-all", "clean-all-mean")
"""All test images, attacked by nobody: with one draw of the noise, and with the mean of several."""

COLUMNS = (*PAPER_COLUMNS, *EXTRA_COLUMNS, *EXACT_COLUMNS)
HEAD = ("dataset", "method", "seed", "epochs", "images", *COLUMNS, "cpu_s")
_FORMATS = {**dict.fromkeys(COLUMNS, ".2f"), "cpu_s": ".0f"}


@dataclass(frozen=True)
class ResultRow:
    """Accuracies in per cent of one trained network, by column; those that do not apply are missing.

    Attributes:
        cpu_s: CPU seconds of its training and of all attacks on it; None where a part was not measured.
    """

    dataset: str
    method: str
    seed: int
    epochs: int
    images: int
    accuracy: dict[str, float]
    cpu_s: float | None = None


def write_results(path: Path, rows: Sequence[ResultRow]) -> None:
    """Write the rows as CSV: per cent with two decimals, whole seconds, nothing where there is no value."""
    lines = [{**vars(row), **{column: row.accuracy.get(column) for column in COLUMNS}} for row in rows]
    write_csv(frame_of(lines, HEAD), path, formats=_FORMATS)


def read_results(path: Path) -> list[ResultRow]:
    """Return the rows of a CSV file.

    Raises:
        AccelsimError: The file is missing, or is no such file.
    """
    text = read_text(path, "file of results")
    try:
        lines = list(csv.reader(text.splitlines(), strict=True))
    except csv.Error:
        raise AccelsimError(f"{path}: cannot be read as CSV") from None
    if not lines or tuple(lines[0]) != HEAD:
        raise AccelsimError(f"{path}: line 1: not the columns of a file of results")
    return [_row(path, number, cells) for number, cells in enumerate(lines[1:], start=2)]


def _row(path: Path, number: int, cells: Sequence[str]) -> ResultRow:
    if len(cells) != len(HEAD):
        raise AccelsimError(f"{path}: line {number}: {len(cells)} values, must be {len(HEAD)}")
    named = dict(zip(HEAD, cells, strict=True))
    try:
        return ResultRow(
            named["dataset"],
            named["method"],
            int(named["seed"]),
            int(named["epochs"]),
            int(named["images"]),
            {name: float(named[name]) for name in COLUMNS if named[name]},
            float(named["cpu_s"]) if named["cpu_s"] else None,
        )
    except ValueError as error:
        raise AccelsimError(f"{path}: line {number}: {error}") from None
