"""A picture of Pareto fronts: a panel for each group of points that compete."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.report.plots import NETWORK_NAMES, STRUCTURED, UNSTRUCTURED
from accelsim.report.terminal import scheme_label

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

COLUMNS = 3
COLOURS = {"dense": "#777777", "unstructured": UNSTRUCTURED, "nm": STRUCTURED}
NAMES = {"nm": "structured (N:M)"}
SMALLEST, LARGEST = 8.0, 90.0
"""Areas of points, in square points of print, for the least and the largest value of a third objective."""


def plot_fronts(table: pd.DataFrame, objectives: Sequence[str], path: Path) -> None:
    """Draw the table of `accelsim.search.pareto.with_fronts`: the first objective across, the second up, the third,
    if there is one, as the size of the points; both axes logarithmic. With one objective, it is drawn over noise.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    groups = [rows for _, rows in table.groupby("group", sort=True)]
    columns = min(COLUMNS, len(groups))
    rows_of_panels = math.ceil(len(groups) / columns)
    with mpl.rc_context(
        {"font.size": 8, "svg.hashsalt": "accelsim", "axes.spines.top": False, "axes.spines.right": False}
    ):
        figure = Figure(figsize=(4.2 * columns, 3.4 * rows_of_panels), layout="constrained")
        panels = figure.subplots(rows_of_panels, columns, squeeze=False).flatten()
        for panel, rows in zip(panels, groups, strict=False):
            _panel(panel, rows, objectives)
        for panel in panels[len(groups) :]:
            panel.set_visible(False)
        metadata: dict[str, Any] = {"Date": None} if path.suffix == ".svg" else {}
        figure.savefig(path, dpi=150, metadata=metadata)


def _panel(axis: Axes, rows: pd.DataFrame, objectives: Sequence[str]) -> None:
    across, up = (objectives[0], objectives[1]) if len(objectives) > 1 else ("noise", objectives[0])
    sizes = _sizes(rows, objectives)
    for kind, part in rows.groupby("kind", sort=True):
        for front, alpha in ((False, 0.15), (True, 0.9)):
            points = part[part["front"] == front]
            label = NAMES.get(str(kind), str(kind)) if front else None
            colour = COLOURS.get(str(kind), "black")
            axis.scatter(
                points[across],
                points[up],
                s=sizes[points.index],
                color=colour,
                alpha=alpha,
                linewidths=0,
                label=label,
            )
    if len(objectives) == 2:
        line = rows[rows["front"]].sort_values([across, up])
        axis.step(line[across], line[up], where="post", color="black", linewidth=0.6)
    if across != "noise":
        axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel(_title(across))
    axis.set_ylabel(_title(up))
    axis.set_title(_what(rows, objectives), loc="left", fontsize=8, fontweight="bold")
    axis.legend(frameon=False, fontsize=6)


def _sizes(rows: pd.DataFrame, objectives: Sequence[str]) -> pd.Series:
    """Area of every row's point."""
    import pandas as pd

    if len(objectives) < 3:
        return pd.Series(20.0, index=rows.index)
    third = rows[objectives[2]]
    span = third.max() - third.min()
    share = (third - third.min()) / span if span else third * 0
    return SMALLEST + (LARGEST - SMALLEST) * share


def _title(column: str) -> str:
    """``latency_us`` as ``latency, us``."""
    name, _, unit = column.partition("_")
    if column == "noise":
        return "degree of noise"
    return f"EDP, {unit.replace('_', ' ')}" if name == "edp" else f"{name}, {unit}"


def _what(rows: pd.DataFrame, objectives: Sequence[str]) -> str:
    first = rows.iloc[0]
    said = [NETWORK_NAMES.get(first["network"], first["network"])]
    if rows["scheme"].nunique() == 1:
        said.append(scheme_label(first["scheme"]))
    elif rows["noise"].nunique() == 1:
        said.append(f"{100 * first['noise']:g} % noise")
    said.append(f"{int(rows['front'].sum())} of {len(rows)} on the front")
    if len(objectives) > 2:
        said.append(f"size: {_title(objectives[2])}")
    return ", ".join(said)
