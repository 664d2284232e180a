"""Pictures of results, with matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelsim.energy import GROUPS
from accelsim.pictures import (
    FONT_SIZE,
    GROUP_COLOURS,
    group_title,
    network_title,
    picture_style,
)
from accelsim.report.claims import in_series
from accelsim.report.ratios import HIGH, LOW
from accelsim.schemes import NmScheme, Scheme, UnstructuredScheme
from accelsim.schemes.scheme import Series

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIGURE5_FAMILIES: dict[Series, type[Scheme]] = {"unstructured": UnstructuredScheme, "structured": NmScheme}
"""The family of schemes that each series of Figure 5 has the colour of."""


def draw_figure5(table: pd.DataFrame) -> Figure:
    """The normalized summary as a picture: a row per network; time, energy with its split, EDP, mapping efficiency.

    Unstructured and structured (N of 8) bars stand beside each other at each degree of noise; dense is 1. Error
    bars, where the table has them: percentiles ``LOW`` to ``HIGH`` of the draws of the energy constants.
    """
    from matplotlib.figure import Figure

    networks = list(dict.fromkeys(table["network"]))
    with picture_style():
        figure = Figure(figsize=(13, 2.6 * len(networks) + 0.7), layout="constrained")
        axes = figure.subplots(len(networks), 4, squeeze=False)
        for row, network in zip(axes, networks, strict=True):
            rows = table[table["network"] == network]
            _bars(row[0], rows, "time_rel", "execution time / dense")
            _energy(row[1], rows)
            _bars(row[2], rows, "edp_rel", "EDP / dense")
            _bars(row[3], rows, "mapping_efficiency", "mapping efficiency of the MVU", dense_line=False)
            row[0].set_title(network_title(network), loc="left", fontweight="bold")
        for axis in axes[-1]:
            axis.set_xlabel("degree of noise, % of neurons")
        if f"energy_rel_p{LOW}" in table:
            figure.supxlabel(f"error bars: {LOW} to {HIGH} % of draws of all energy constants", fontsize=7)
        axes[0][0].legend(frameon=False, fontsize=7)
        axes[0][1].legend(frameon=False, fontsize=6, ncol=2)
    return figure


def _positions(rows: pd.DataFrame) -> tuple[list[float], list[tuple[pd.DataFrame, float, str, str]]]:
    """Degrees of noise, and (rows, offset of its bars, name, colour) of the two schemes."""
    parts = {series: in_series(rows, series) for series in FIGURE5_FAMILIES}
    degrees = sorted({noise for part in parts.values() for noise in part["noise"]})
    return degrees, [
        (parts["unstructured"], -0.2, "unstructured", FIGURE5_FAMILIES["unstructured"].colour),
        (parts["structured"], 0.2, "structured (N of 8 kept)", FIGURE5_FAMILIES["structured"].colour),
    ]


def _ticks(axis: Axes, degrees: list[float], title: str) -> None:
    axis.set_xticks(range(len(degrees)), [f"{100 * degree:g}" for degree in degrees])
    axis.set_ylabel(title)
    # Ticks are made when the picture is drawn, with the sizes of that moment.
    axis.tick_params(which="both", labelsize=FONT_SIZE)


def _bars(axis: Axes, rows: pd.DataFrame, column: str, title: str, dense_line: bool = True) -> None:
    degrees, schemes = _positions(rows)
    for part, offset, name, colour in schemes:
        where = [degrees.index(degree) + offset for degree in part["noise"]]
        axis.bar(where, part[column], width=0.38, color=colour, label=name)
        tops = _error_bars(axis, where, part, column)
        for x, top, value in zip(where, tops, part[column], strict=True):
            axis.text(x, top, f"{value:.2f}", ha="center", va="bottom", fontsize=5)
    if dense_line:
        axis.axhline(1, color="black", linewidth=0.8, linestyle=":")
    _ticks(axis, degrees, title)


def _error_bars(axis: Axes, where: list[float], rows: pd.DataFrame, column: str) -> list[float]:
    """Draw the ranges of the ratio under other energy constants, if the table has them; return where text may start."""
    low, high = f"{column}_p{LOW}", f"{column}_p{HIGH}"
    if low not in rows:
        return list(rows[column])
    lengths = [(rows[column] - rows[low]).clip(lower=0), (rows[high] - rows[column]).clip(lower=0)]
    axis.errorbar(where, rows[column], yerr=lengths, fmt="none", ecolor="black", elinewidth=0.7, capsize=1.2)
    return list(rows[[column, high]].max(axis=1))


def _energy(axis: Axes, rows: pd.DataFrame) -> None:
    degrees, schemes = _positions(rows)
    labelled: set[str] = set()
    for part, offset, _, _ in schemes:
        where = [degrees.index(degree) + offset for degree in part["noise"]]
        bottom = [0.0] * len(part)
        for group in GROUPS:
            values = part[f"{group}_rel"].tolist()
            if any(values):
                label = None if group in labelled else group_title(group)
                labelled.add(group)
                axis.bar(where, values, width=0.38, bottom=bottom, color=GROUP_COLOURS[group], label=label)
            bottom = [b + v for b, v in zip(bottom, values, strict=True)]
        for x, y in zip(where, _error_bars(axis, where, part, "energy_rel"), strict=True):
            axis.text(x, y, "U" if offset < 0 else "S", ha="center", va="bottom", fontsize=5)
    axis.axhline(1, color="black", linewidth=0.8, linestyle=":")
    _ticks(axis, degrees, "energy / dense (U, S: as left)")
