"""The accuracies of trained networks as a CSV file, a line a network; docs/results/nit.csv is one."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from accelsim.errors import AccelsimError
from accelsim.files import read_text, replaced
from models.nit.robustness import EXTRA_COLUMNS, PAPER_COLUMNS

EXACT_COLUMNS = ("clean-all", "clean-all-mean")
"""All test images, attacked by nobody: with one draw of the noise, and with the mean of several."""

COLUMNS = (*PAPER_COLUMNS, *EXTRA_COLUMNS, *EXACT_COLUMNS)
HEAD = ("dataset", "method", "seed", "epochs", "images", *COLUMNS, "cpu_s")


@dataclass(frozen=True)
class ResultRow:
    """Accuracies in per cent of one trained network, by column; those that do not apply are missing.

    cpu_s: CPU seconds of its training and of all attacks on it; None where a part was not measured.
    """

    dataset: str
    method: str
    seed: int
    epochs: int
    images: int
    accuracy: dict[str, float]
    cpu_s: float | None = None


def results_text(rows: Sequence[ResultRow]) -> str:
    """The rows as CSV: per cent with two decimals, whole seconds, nothing where there is no value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEAD)
    for row in rows:
        values = [f"{row.accuracy[c]:.2f}" if c in row.accuracy else "" for c in COLUMNS]
        seconds = "" if row.cpu_s is None else f"{row.cpu_s:.0f}"
        writer.writerow([row.dataset, row.method, row.seed, row.epochs, row.images, *values, seconds])
    return text.getvalue()


def write_results(path: Path, rows: Sequence[ResultRow]) -> None:
    """Write the CSV file in one step."""
    with replaced(path) as temporary:
        temporary.write_text(results_text(rows), encoding="utf-8")


def read_results(path: Path) -> list[ResultRow]:
    """The rows of a CSV file. Raises AccelsimError when it is missing or is no such file."""
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
