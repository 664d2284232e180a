"""Charts: what the report page and `accelsim figure5` draw of results. A chart is one file and one registration.

`Chart` says what a chart must have; `charts` lists them: accelsim's own, registered ones, and those of installed packages,
which add one with an entry point of the group `accelsim.charts`. docs/how-to/own-chart.md walks through an example.
"""

from __future__ import annotations

from functools import cache

from accelsim.entry_points import load_entry_points
from accelsim.errors import AccelsimError
from accelsim.report.chart import Chart, ChartSeries, ChartTables, Drawing, Panel
from accelsim.report.figure5_chart import FIGURE5

__all__ = ["Chart", "ChartSeries", "ChartTables", "Drawing", "Panel", "charts", "register"]

GROUP = "accelsim.charts"
"""Group of entry points."""

_registered: dict[str, Chart] = {each.name: each for each in (FIGURE5,)}


def register(chart: Chart) -> Chart:
    """Make a chart known. Use it, or an entry point instead.

    Returns:
        The chart.

    Raises:
        AccelsimError: It is no `Chart`, or another chart has its name.
    """
    if not isinstance(chart, Chart):
        raise AccelsimError(
            f"{chart!r:.60} is no chart; allowed: an instance of accelsim.report.charts.Chart"
        )
    if _registered.setdefault(chart.name, chart) != chart:
        raise AccelsimError(f"chart {chart.name}: another chart has this name already")
    return chart


def charts() -> tuple[Chart, ...]:
    """Return all known charts, accelsim's own first.

    Raises:
        AccelsimError: An entry point of an installed package cannot be loaded.
    """
    _load_entry_points()
    return tuple(_registered.values())


@cache  # an entry point that failed is tried again, since no result is kept of an exception
def _load_entry_points() -> None:
    load_entry_points(GROUP, register)
