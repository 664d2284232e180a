"""Rows of a name and numbers, as CSV and as a Markdown table."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from accelsim.errors import AccelsimError
from accelsim.files import read_text, replaced


@dataclass(frozen=True)
class NamedRow:
    """A name and numbers by column; all rows of a table have the same columns."""

    name: str
    values: dict[str, float]


def write_rows(path: Path, title: str, rows: Sequence[NamedRow]) -> None:
    """As CSV with two decimals, in one step. title: of the column of names."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([title, *rows[0].values])
    for row in rows:
        writer.writerow([row.name, *(f"{value:.2f}" for value in row.values.values())])
    with replaced(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")


def read_rows(path: Path) -> list[NamedRow]:
    """The rows of a CSV file. Raises AccelsimError when it is missing or is no such file."""
    text = read_text(path, "table")
    try:
        lines = list(csv.reader(text.splitlines(), strict=True))
        (_, *columns), *body = lines
        return [NamedRow(name, dict(zip(columns, map(float, values), strict=True))) for name, *values in body]
    except (csv.Error, ValueError):
        raise AccelsimError(f"{path}: not a CSV file of names and numbers") from None


def rows_markdown(title: str, rows: Sequence[NamedRow]) -> str:
    """A line a row, numbers with one decimal."""
    columns = list(rows[0].values)
    lines = [f"| {title} | " + " | ".join(columns) + " |", "| --- |" + " ---: |" * len(columns)]
    lines += [
        f"| {row.name} | " + " | ".join(f"{value:.1f}" for value in row.values.values()) + " |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"
