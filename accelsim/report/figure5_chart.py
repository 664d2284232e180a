"""Figure 5: time, energy, EDP and mapping efficiency against the degree of noise, one row of panels per network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelsim.pictures import network_title
from accelsim.report.chart import Chart, ChartSeries, ChartTables, Drawing, Panel
from accelsim.report.claims import in_series
from accelsim.report.figure5_plot import FIGURE5_FAMILIES, draw_figure5
from accelsim.report.ratios import HIGH, LOW

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_MEASURES = {
    "time_rel": "execution time / dense",
    "energy_rel": "energy / dense",
    "edp_rel": "EDP / dense",
    "mapping_efficiency": "mapping efficiency",
}
_RELATIVE = "_rel"


def _draw(tables: ChartTables) -> Drawing | None:
    """Return panels for each network with one or both of the two kinds of schemes; None without a dense run.

    A degree of noise that several machines ran has a bar for the first of them only, as Figure 5 has one machine of
    each kind; the page's table has all.
    """
    if tables.relative is None:
        return None
    panels = [
        panel
        for network, rows in tables.relative.groupby("network", sort=False)
        for panel in _panels(str(network), rows)
    ]
    about = (
        "Relative to dense, the dotted line. Unstructured: any subset of neurons keeps its approximation; "
        "structured: N of every 8 are computed precisely."
    )
    if any(series.low for panel in panels for series in panel.series):
        about += f" Error bars: {LOW} to {HIGH} % of draws of all energy constants."
    return Drawing(panels, about) if panels else None


def _panels(network: str, rows: pd.DataFrame) -> list[Panel]:
    parts = {
        series: in_series(rows, series).sort_values("noise").drop_duplicates("noise")
        for series in FIGURE5_FAMILIES
    }
    degrees = sorted({noise for part in parts.values() for noise in part["noise"]})
    images = int(rows["images"].iloc[0])
    return [
        Panel(
            title=title,
            x_title="degree of noise, %",
            series=[
                _series(series, FIGURE5_FAMILIES[series].colour, part, column)
                for series, part in parts.items()
                if len(part)
            ],
            heading=network_title(network),
            aside=f"mean of {images} image{'' if images == 1 else 's'}",
            # Dense is what everything but the mapping efficiency is relative to.
            reference=1.0 if column.endswith(_RELATIVE) else None,
            categories=list(map(_percent, degrees)),
        )
        for column, title in _MEASURES.items()
        if any(len(part) for part in parts.values())
    ]


def _series(name: str, colour: str, rows: pd.DataFrame, column: str) -> ChartSeries:
    low, high = f"{column}_p{LOW}", f"{column}_p{HIGH}"
    has_bars = low in rows and high in rows
    return ChartSeries(
        name=name,
        colour=colour,
        x=list(map(_percent, rows["noise"])),
        y=rows[column].tolist(),
        low=rows[low].tolist() if has_bars else (),
        high=rows[high].tolist() if has_bars else (),
        notes=[
            f"{scheme} on {machine}" for scheme, machine in zip(rows["scheme"], rows["machine"], strict=True)
        ],
    )


def _percent(share: float) -> str:
    return f"{100 * share:g}"


def _picture(tables: ChartTables) -> Figure:
    assert tables.relative is not None, "accelsim figure5 always runs dense"
    return draw_figure5(tables.relative)


FIGURE5 = Chart("figure5", "Figure 5: costs against the degree of noise", _draw, _picture)
