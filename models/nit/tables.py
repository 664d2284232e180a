"""Tables 2 and 3: means and spreads over seeds, the paper's numbers beside them."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from accelsim.files import replaced
from models.nit.robustness import EXTRA_COLUMNS, PAPER_COLUMNS
from models.nit.settings import METHODS

TITLES = {"mnist": "MNIST (the paper's Table 2)", "fashion-mnist": "Fashion-MNIST (the paper's Table 3)"}
EXACT_COLUMNS = ("clean-all", "clean-all-mean")


@dataclass(frozen=True)
class ResultRow:
    """Accuracies in per cent of one trained network, by column."""

    dataset: str
    method: str
    seed: int
    epochs: int
    images: int
    accuracy: dict[str, float]


def paper_numbers() -> dict[tuple[str, str], dict[str, float]]:
    """(dataset, method) to the paper's accuracies in per cent, from paper.csv beside this file."""
    with (Path(__file__).with_name("paper.csv")).open(encoding="utf-8", newline="") as file:
        return {
            (row.pop("dataset"), row.pop("method")): {name: float(value) for name, value in row.items()}
            for row in csv.DictReader(file)
        }


def write_tables(out: Path, rows: Sequence[ResultRow]) -> None:
    """results.csv, a line a network, and tables.md in `out`, both replaced in one step."""
    columns = [*PAPER_COLUMNS, *EXTRA_COLUMNS, *EXACT_COLUMNS]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["dataset", "method", "seed", "epochs", "images", *columns])
    for row in rows:
        values = [f"{row.accuracy[c]:.2f}" if c in row.accuracy else "" for c in columns]
        writer.writerow([row.dataset, row.method, row.seed, row.epochs, row.images, *values])
    for name, content in (("results.csv", text.getvalue()), ("tables.md", tables_markdown(rows))):
        with replaced(out / name) as temporary:
            temporary.write_text(content, encoding="utf-8")


def tables_markdown(rows: Sequence[ResultRow]) -> str:
    """Both tables, ours (mean and standard deviation over seeds) above the paper's, and the further attacks."""
    parts = []
    for dataset in dict.fromkeys(row.dataset for row in rows):
        mine = [row for row in rows if row.dataset == dataset]
        seeds = sorted({row.seed for row in mine})
        first = mine[0]
        parts.append(
            f"**{TITLES[dataset]}**, per cent of {first.images} test images, one draw of the noise; {first.epochs} epochs, "
            f"seeds {', '.join(map(str, seeds))}: mean, and standard deviation where there is more than one seed.\n\n"
            + _paper_table(dataset, mine)
            + "\nBeyond the paper: `clean` on all 7,000 test images with one draw, and with class scores averaged over 20; "
            "PGD through a surrogate of width 0.1 and of width 2 (the others: 1); PGD on the mean gradient of 20 draws "
            "(EOT), also with width 2; FGSM and PGD on the likelihood-ratio gradient; PGD made on STBP's network; "
            "the lowest of all columns.\n\n" + _extra_table(mine)
        )
    return "\n".join(parts)


def _paper_table(dataset: str, rows: Sequence[ResultRow]) -> str:
    paper = paper_numbers()
    lines = ["| method | | " + " | ".join(PAPER_COLUMNS) + " |", "| --- " * (len(PAPER_COLUMNS) + 2) + "|"]
    for method, group in _by_method(rows):
        lines.append(f"| {method} | ours | " + " | ".join(_cell(group, c) for c in PAPER_COLUMNS) + " |")
        theirs = paper[dataset, method]
        lines.append("| | paper | " + " | ".join(f"{theirs[c]:.1f}" for c in PAPER_COLUMNS) + " |")
    return "\n".join(lines) + "\n"


def _extra_table(rows: Sequence[ResultRow]) -> str:
    columns = [*EXACT_COLUMNS, *EXTRA_COLUMNS]
    lines = ["| method | " + " | ".join(columns) + " | worst |", "| --- " * (len(columns) + 2) + "|"]
    for method, group in _by_method(rows):
        attacks = [c for c in (*PAPER_COLUMNS, *EXTRA_COLUMNS) if all(c in row.accuracy for row in group)]
        worst = _mean_and_spread([min(row.accuracy[c] for c in attacks) for row in group])
        lines.append(f"| {method} | " + " | ".join(_cell(group, c) for c in columns) + f" | {worst} |")
    return "\n".join(lines) + "\n"


def _by_method(rows: Sequence[ResultRow]) -> list[tuple[str, list[ResultRow]]]:
    groups = [(method, [row for row in rows if row.method == method]) for method in METHODS]
    return [(method, group) for method, group in groups if group]


def _cell(rows: Sequence[ResultRow], column: str) -> str:
    return _mean_and_spread([row.accuracy[column] for row in rows if column in row.accuracy])


def _mean_and_spread(values: Sequence[float]) -> str:
    if not values:
        return "-"
    mean = f"{statistics.fmean(values):.1f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.1f}"
