"""Tables 2 and 3: means and spreads over seeds, the paper's numbers beside them."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Sequence
from pathlib import Path

from accelsim.nn.spiking.run_settings import METHODS
from accelsim.tables import frame_of, markdown_table
from models.nit.nit_columns import EXTRA_COLUMNS, PAPER_COLUMNS
from models.nit.nit_results import EXACT_COLUMNS, ResultRow

TITLES = {"mnist": "MNIST (the paper's Table 2)", "fashion-mnist": "Fashion-MNIST (the paper's Table 3)"}
MARKER = "nit"
"""Where the tables go in docs/nit.md and docs/reproduction.md."""


def paper_numbers() -> dict[tuple[str, str], dict[str, float]]:
    """(dataset, method) to the paper's accuracies in per cent, from paper.csv beside this file."""
    with (Path(__file__).with_name("paper.csv")).open(encoding="utf-8", newline="") as file:
        return {
            (row.pop("dataset"), row.pop("method")): {name: float(value) for name, value in row.items()}
            for row in csv.DictReader(file)
        }


def documents(rows: Sequence[ResultRow]) -> dict[str, str]:
    """What stands between the markers of each document that shows the results, by its name under docs/."""
    return {"nit.md": tables_markdown(rows), "reproduction.md": paper_markdown(rows)}


def tables_markdown(rows: Sequence[ResultRow]) -> str:
    """Both tables, then for each data set the further attacks, and the time it took where that is known."""
    parts = []
    for dataset, mine in _by_dataset(rows):
        parts.append(
            _title(dataset, mine)
            + _paper_table(dataset, mine)
            + "\nBeyond the paper: `clean` on all 7,000 test images with one draw, and with class scores averaged over 20; "
            "PGD through a surrogate of width 0.1 and of width 2 (the others: 1); PGD on the mean gradient of 20 draws "
            "(EOT), also with width 2; FGSM and PGD on the likelihood-ratio gradient; PGD made on STBP's network; "
            "the lowest of all columns.\n\n" + _extra_table(mine)
        )
    return "\n".join([*parts, *_time(rows)])


def paper_markdown(rows: Sequence[ResultRow]) -> str:
    """The paper's two tables, ours (mean and standard deviation over seeds) above the paper's."""
    return "\n".join(
        _title(dataset, mine) + _paper_table(dataset, mine) for dataset, mine in _by_dataset(rows)
    )


def _by_dataset(rows: Sequence[ResultRow]) -> list[tuple[str, list[ResultRow]]]:
    names = dict.fromkeys(row.dataset for row in rows)
    return [(name, [row for row in rows if row.dataset == name]) for name in names]


def _title(dataset: str, rows: Sequence[ResultRow]) -> str:
    seeds = sorted({row.seed for row in rows})
    return (
        f"**{TITLES[dataset]}**, per cent of {rows[0].images} test images, one draw of the noise; {rows[0].epochs} epochs, "
        f"seeds {', '.join(map(str, seeds))}: mean, and standard deviation where there is more than one seed.\n\n"
    )


def _time(rows: Sequence[ResultRow]) -> list[str]:
    """Networks that were not timed count as much as the timed ones of their method."""
    timed = [(row.method, row.cpu_s) for row in rows if row.cpu_s is not None]
    means = {
        method: statistics.fmean(cpu_s for name, cpu_s in timed if name == method) for method, _ in timed
    }
    if not timed or any(row.method not in means for row in rows):
        return []
    total = sum(means[row.method] for row in rows)
    each = ", ".join(f"{method} {means[method] / 60:.1f}" for method in METHODS if method in means)
    return [
        f"CPU minutes a network, training and attacks: {each} (measured on {len(timed)} of the {len(rows)} networks, one "
        f"thread each); all {len(rows)}: {total / 60:.0f}, on one core; a second one takes part of it off.\n"
    ]


def _paper_table(dataset: str, rows: Sequence[ResultRow]) -> str:
    paper = paper_numbers()
    lines = []
    for method, group in _by_method(rows):
        lines.append([method, "ours", *(_cell(group, column) for column in PAPER_COLUMNS)])
        theirs = paper[dataset, method]
        lines.append(["", "paper", *(f"{theirs[column]:.1f}" for column in PAPER_COLUMNS)])
    return _markdown(["method", "", *PAPER_COLUMNS], lines)


def _extra_table(rows: Sequence[ResultRow]) -> str:
    columns = [*EXACT_COLUMNS, *EXTRA_COLUMNS]
    lines = []
    for method, group in _by_method(rows):
        attacks = [c for c in (*PAPER_COLUMNS, *EXTRA_COLUMNS) if all(c in row.accuracy for row in group)]
        worst = _mean_and_spread([min(row.accuracy[c] for c in attacks) for row in group])
        lines.append([method, *(_cell(group, column) for column in columns), worst])
    return _markdown(["method", *columns, "worst"], lines)


def _markdown(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return markdown_table(frame_of(lines, titles), align="l" * len(titles))


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
