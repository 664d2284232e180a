"""Charts: what the report page and `accelsim figure5` draw of results. A chart is one file and one registration.

`Chart` says what a chart must have; `charts` lists them, and `register` (or an entry point of the group
`accelsim.charts`) adds one. docs/how-to/own-chart.md walks through an example.
"""

from accelsim.report.charts.chart import Chart, ChartSeries, ChartTables, Drawing, Panel
from accelsim.report.charts.chart_registry import charts, register

__all__ = ["Chart", "ChartSeries", "ChartTables", "Drawing", "Panel", "charts", "register"]
