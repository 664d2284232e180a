"""Pictures of evaluations, with matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from accelsim.errors import AccelsimError
from accelsim.files import readable_file, replaced
from accelsim.tables import write_csv

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CODESIGN_COLUMNS = ("method", "bitops")
COST_COLUMNS = ("scheme", "machine", "energy_pj", "latency_us")


def plot_curves(figure: str, rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Figure "3" or "4" from the rows of its CSV."""
    table = pd.DataFrame(rows)
    if figure == "3":
        drawing, (left, right) = _axes("eps / 255 (20 steps)", "steps (eps 8/255)")
        by_eps, by_steps = table[table["steps"] == 20], table[table["eps_255"] == 8]
        for variant, mine in by_eps.groupby("variant", sort=False):
            left.plot(mine["eps_255"], mine["mean"], marker="o", label=variant)
        for _, mine in by_steps.sort_values("steps").groupby("variant", sort=False):
            right.plot(mine["steps"], mine["mean"], marker="o")
        right.set_xscale("log")
        left.legend(frameon=False, fontsize=7)
    else:
        drawing, axes = _axes("noise, % of neurons: of least |z~|", "noise, % of neurons: of largest |z~|")
        for axis, control in zip(axes, ("none", "essential"), strict=True):
            mine = table[(table["control"] == control) | (table["noise_percent"] == 0)]
            for attack, points in mine.groupby("attack", sort=False):
                axis.plot(points["noise_percent"], points["mean"], marker="o", label=attack)
        axes[0].legend(frameon=False, fontsize=7)
    _save(drawing, path)


def plot_codesign(table: Path, costs: Path, accuracy: str, out: Path) -> None:
    """Accuracy against BitOPs and against simulated energy: figure-co-design.csv and .png in `out`.

    table: of models.evaluation; costs: summary.csv of accelsim. Schemes in only one of them are left out.
    Raises AccelsimError when a file cannot be read, lacks a column, or no scheme is in both.
    """
    measured = _read(table, (*CODESIGN_COLUMNS, accuracy)).rename(columns={accuracy: "accuracy"})
    spent = _read(costs, COST_COLUMNS)
    joined = measured.merge(spent, left_on="method", right_on="scheme").dropna(subset=["accuracy"])
    if joined.empty:
        raise AccelsimError(
            f"{table}: shares no scheme with {costs}; evaluate the schemes that were simulated"
        )
    columns = ["scheme", "machine", "accuracy", "bitops", "energy_pj", "latency_us"]
    write_csv(joined[columns], out / "figure-co-design.csv")
    drawing, axes = _axes("BitOPs of an image", "energy of an image, uJ")
    for axis, cost in zip(axes, (joined["bitops"], joined["energy_pj"] / 1e6), strict=True):
        axis.scatter(cost, joined["accuracy"], s=18)
        for x, y, name in zip(cost, joined["accuracy"], joined["scheme"], strict=True):
            axis.annotate(name, (x, y), fontsize=6, xytext=(3, 3), textcoords="offset points")
        axis.set_xlim(left=0)
    axes[0].set_ylabel(f"accuracy, %: {accuracy}")
    _save(drawing, out / "figure-co-design.png")


def _axes(left: str, right: str) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes = list(figure.subplots(1, 2, sharey=True))
    for axis, label in zip(axes, (left, right), strict=True):
        axis.set_xlabel(label)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("accuracy, %, mean over draws")
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _read(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    readable_file(path, "table")
    try:
        found = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise AccelsimError(f"{path}: cannot read the table: {error}") from error
    for column in columns:
        if column not in found:
            raise AccelsimError(f"{path}: no column {column!r}; it has: {', '.join(map(str, found.columns))}")
    return found
