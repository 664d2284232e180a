"""Charts as pictures, with matplotlib."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from accelsim.pictures import FONT_SIZE, picture_style
from accelsim.report.chart import Chart, ChartTables, Drawing, Panel, drawing_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BARS_SHARE = 0.76
"""Share of a category's width that its bars take up."""


def picture_of(chart: Chart, tables: ChartTables) -> Figure | None:
    """Return a chart as a matplotlib figure; None where the results have nothing for it.

    Raises:
        AccelsimError: The chart's own code raised.
    """
    if chart.picture is not None:
        return chart.picture(tables)
    drawing = drawing_of(chart, tables)
    return None if drawing is None else _draw(drawing)


def _draw(drawing: Drawing) -> Figure:
    """Return a figure with one row of panels per heading."""
    from matplotlib.figure import Figure

    rows = [list(row) for _, row in groupby(drawing.panels, key=lambda panel: panel.heading)]
    columns = max(map(len, rows))
    with picture_style():
        figure = Figure(figsize=(max(3.3 * columns, 4.2), 2.6 * len(rows) + 0.4), layout="constrained")
        axes = figure.subplots(len(rows), columns, squeeze=False)
        for panels, line in zip(rows, axes, strict=True):
            for panel, axis in zip(panels, line, strict=False):
                _draw_panel(axis, panel)
            for axis in line[len(panels) :]:
                axis.set_visible(False)
            line[0].set_title(panels[0].heading, loc="left", fontweight="bold")
    return figure


def _draw_panel(axis: Axes, panel: Panel) -> None:
    categories = list(panel.categories)
    width = _BARS_SHARE / len(panel.series)
    for number, series in enumerate(panel.series):
        if panel.kind == "bar":
            offset = (number - (len(panel.series) - 1) / 2) * width
            where = [categories.index(str(x)) + offset for x in series.x]
            axis.bar(where, series.y, width=width, color=series.colour, label=series.name)
        else:
            where = [float(x) for x in series.x]
            line = "-" if panel.kind == "line" else ""
            axis.plot(
                where,
                series.y,
                linestyle=line,
                marker="o",
                markersize=3,
                color=series.colour,
                label=series.name,
            )
        if series.low:
            below = [max(0.0, y - low) for y, low in zip(series.y, series.low, strict=True)]
            above = [max(0.0, high - y) for y, high in zip(series.y, series.high, strict=True)]
            axis.errorbar(
                where, series.y, yerr=[below, above], fmt="none", ecolor="black", elinewidth=0.7, capsize=1.2
            )
    if panel.kind == "bar":
        axis.set_xticks(range(len(categories)), [str(each) for each in categories])
    if panel.reference is not None:
        axis.axhline(panel.reference, color="black", linewidth=0.8, linestyle=":")
    axis.set_xlabel(panel.x_title)
    axis.set_ylabel(panel.title)
    axis.tick_params(which="both", labelsize=FONT_SIZE)
    axis.legend(frameon=False, fontsize=6)
