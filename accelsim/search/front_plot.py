"""A picture of Pareto fronts: a panel for each group of points that compete."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from accelsim.pictures import FONT_SIZE, network_title, picture_style, save_picture
from accelsim.schemes import family_of, parse_scheme
from accelsim.store.flat_table import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3
UNITS = {"pj": "pJ", "us": "µs", "mm2": "mm²"}
SMALLEST, LARGEST = 8.0, 90.0
"""Areas of points, in square points of print, for the least and the largest value of a third objective."""


def draw_fronts(rows: Sequence[Row], objectives: Sequence[str]) -> Figure:
    """Return a picture of the fronts, dominated points faint; one objective alone is drawn over the degree of noise.

    Args:
        rows: As `accelsim.search.pareto.with_fronts` returns them.
        objectives: The first across, the second up, a third as the size of the points.
    """
    from matplotlib.figure import Figure

    groups = [list(group) for _, group in groupby(rows, key=lambda row: row["group"])]
    columns = min(COLUMNS, len(groups))
    lines = math.ceil(len(groups) / columns)
    with picture_style():
        figure = Figure(figsize=(4.2 * columns, 3.4 * lines), layout="constrained")
        panels = figure.subplots(lines, columns, squeeze=False).flatten()
        for panel, group in zip(panels, groups, strict=False):
            _panel(panel, group, objectives)
        for panel in panels[len(groups) :]:
            panel.set_visible(False)
    return figure


def plot_fronts(rows: Sequence[Row], objectives: Sequence[str], path: Path) -> None:
    """Write `draw_fronts` to a file, of the kind that its suffix says; the same rows give the same bytes."""
    save_picture(draw_fronts(rows, objectives), path)


def _panel(axis: Axes, rows: list[Row], objectives: Sequence[str]) -> None:
    across, up = (objectives[0], objectives[1]) if len(objectives) > 1 else ("noise", objectives[0])
    size = _sizes(rows, objectives)
    for kind in sorted({row["kind"] for row in rows}):
        family = family_of(kind)
        for front, alpha in ((False, 0.15), (True, 0.9)):
            points = [row for row in rows if row["kind"] == kind and row["front"] == front]
            axis.scatter(
                [row[across] for row in points],
                [row[up] for row in points],
                s=[size[row["id"]] for row in points],
                color=family.colour,
                alpha=alpha,
                linewidths=0,
            )
        # Drawn nowhere: a point of one size for the legend.
        axis.scatter([], [], s=20, color=family.colour, label=family.title)
    if len(objectives) == 2:
        line = sorted((row[across], row[up]) for row in rows if row["front"])
        axis.step([x for x, _ in line], [y for _, y in line], where="post", color="black", linewidth=0.6)
    if across != "noise":
        axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel(_title(across))
    axis.set_ylabel(_title(up))
    axis.tick_params(which="both", labelsize=FONT_SIZE)
    axis.set_title(_what(rows, objectives), loc="left", fontsize=8, fontweight="bold")
    axis.legend(frameon=False, fontsize=6)


def _sizes(rows: list[Row], objectives: Sequence[str]) -> dict[str, float]:
    """Area of each point by its identity."""
    if len(objectives) < 3:
        return {row["id"]: 20.0 for row in rows}
    third = {row["id"]: row[objectives[2]] for row in rows}
    least, most = min(third.values()), max(third.values())
    span = (most - least) or 1.0
    return {key: SMALLEST + (LARGEST - SMALLEST) * (value - least) / span for key, value in third.items()}


def _title(column: str) -> str:
    """``latency_us`` as ``latency, us``."""
    if column == "noise":
        return "degree of noise"
    name, _, unit = column.partition("_")
    units = " ".join(UNITS.get(each, each) for each in unit.split("_"))
    return f"{name.upper() if name in ('edp', 'sram', 'dram') else name}, {units}"


def _what(rows: list[Row], objectives: Sequence[str]) -> str:
    first, schemes, degrees = rows[0], {row["scheme"] for row in rows}, {row["noise"] for row in rows}
    said: list[str] = [network_title(first["network"])]
    if len(schemes) == 1:
        said.append(parse_scheme(first["scheme"]).label)
    elif len(degrees) == 1:
        said.append(f"{100 * first['noise']:g} % noise")
    counted = f"{sum(row['front'] for row in rows)} of {len(rows)} points on the front"
    size = f"; size: {_title(objectives[2])}" if len(objectives) > 2 else ""
    return f"{', '.join(said)}\n{counted}{size}"
