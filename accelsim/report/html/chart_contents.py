"""Charts of results as plain data for the page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from accelsim.report.charts.chart import ChartSeries, ChartTables, Panel, drawing_of
from accelsim.report.charts.chart_registry import charts
from accelsim.report.html.page_tables import plain_value


def chart_contents(tables: ChartTables) -> list[dict[str, Any]]:
    """Return every known chart that has something to show of some results.

    Raises:
        AccelsimError: A chart of an installed package cannot be loaded or drawn.
    """
    drawn = [(chart, drawing_of(chart, tables)) for chart in charts()]
    return [
        {
            "name": chart.name,
            "title": chart.title,
            "about": drawing.about,
            "panels": list(map(_panel, drawing.panels)),
        }
        for chart, drawing in drawn
        if drawing is not None
    ]


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "title": panel.title,
        "x_title": panel.x_title,
        "kind": panel.kind,
        "heading": panel.heading,
        "aside": panel.aside,
        "reference": panel.reference,
        "categories": list(panel.categories),
        "series": list(map(_series, panel.series)),
    }


def _series(series: ChartSeries) -> dict[str, Any]:
    def plain(values: Iterable[Any]) -> list[Any]:
        return list(map(plain_value, values))

    return {
        "name": series.name,
        "colour": series.colour,
        "x": plain(series.x),
        "y": plain(series.y),
        "low": plain(series.low),
        "high": plain(series.high),
        "notes": list(series.notes),
    }
