"""What is behind the page, as plain data: tables of layers, of runs, and of a database's points; and charts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from accelsim.counts import COUNT_NAMES
from accelsim.errors import AccelsimError
from accelsim.report.chart import ChartSeries, ChartTables, Panel, drawing_of
from accelsim.report.charts import charts
from accelsim.report.html.result_folder import (
    COST_COLUMNS,
    LAYER_KEYS,
    RELATIVE_COLUMNS,
    RUN_KEYS,
    SHARE_COLUMNS,
    Folder,
)
from accelsim.report.ratio_tables import scheme_label
from accelsim.report.ratios import HIGH, LOW
from accelsim.schemes import family_of
from accelsim.search.front import non_dominated
from accelsim.search.pareto import Per, with_fronts
from accelsim.store.flat_table import Row, telling_fields

if TYPE_CHECKING:
    import pandas as pd

MAX_LAYER_ROWS, MAX_POINTS = 5_000, 5_000
"""What a browser still sorts and draws without a pause, in a page of a few megabytes."""

DIGITS = 10
"""Significant digits of numbers that are no counts."""

BARS = tuple(f"{cost}_p{percent}" for cost in ("energy_rel", "edp_rel") for percent in (LOW, HIGH))

Packed = dict[str, Any]
"""``columns``: names. ``rows``: lists of values in that order."""


def layers_table(folder: Folder) -> Packed:
    """One row per (network, machine, scheme, layer): costs and shares as means over images, counts as exact sums.

    Raises AccelsimError if there are more rows than a page can show.
    """
    keys = [*RUN_KEYS, *LAYER_KEYS]
    grouped = folder.layers.groupby(keys, sort=False)
    table = grouped[[*COST_COLUMNS, *SHARE_COLUMNS]].mean()
    cycles = grouped["latency_cycles"]
    table["images"], table["fewest_cycles"], table["most_cycles"] = grouped.size(), cycles.min(), cycles.max()
    counts = grouped[_counted(folder.layers)].sum()
    table = table.join(counts).reset_index()
    if len(table) > MAX_LAYER_ROWS:
        raise AccelsimError(
            f"{folder.path}: {len(table)} layers x schemes, more than the {MAX_LAYER_ROWS} that a page can show; "
            "simulate fewer --schemes or --layers"
        )
    rows = _with_labels(table.to_dict("records"))
    rows.sort(key=lambda row: (row["layer_index"], family_of(row["kind"]).order, row["noise"]))
    return packed(rows)


def runs_table(folder: Folder, areas_mm2: dict[str, float]) -> Packed:
    """One row per (network, machine, scheme): costs and shares as means over images, counts as exact sums; relative to
    dense if there is a dense run; on a Pareto front or not.

    The schemes of a network compete for the front, and a lower degree of noise is one of the objectives.
    """
    table = folder.summary if folder.relative is None else folder.relative
    wanted = [*RUN_KEYS, "images", *COST_COLUMNS, *SHARE_COLUMNS]
    wanted += [name for name in (*RELATIVE_COLUMNS, *BARS) if name in table]
    # The summary has means of counts; sums are exact, and what the other tables have.
    counts = folder.layers.groupby(list(RUN_KEYS), sort=False)[_counted(folder.layers)].sum()
    rows = _with_labels(table[wanted].join(counts, on=list(RUN_KEYS)).to_dict("records"))
    networks = list(dict.fromkeys(table["network"]))
    rows.sort(key=lambda row: (networks.index(row["network"]), family_of(row["kind"]).order, row["noise"]))
    known = set(table["machine"]) <= areas_mm2.keys()
    for row in rows:
        row |= {"area_mm2": areas_mm2[row["machine"]]} if known else {}
    objectives = ["noise", "latency_us", "energy_pj", *(["area_mm2"] if known else [])]
    for network in networks:
        competing = [row for row in rows if row["network"] == network]
        fronts = non_dominated([[row[name] for name in objectives] for row in competing])
        for row, front in zip(competing, fronts, strict=True):
            row["front"] = bool(front)
    return packed(rows) | {"objectives": objectives, "axes": ["latency_us", "energy_pj"]}


def points_table(rows: Sequence[Row], objectives: Sequence[str], per: Per, where: str) -> Packed:
    """One row per point that ran, those that compete together (`group`), with what tells machines apart.

    rows: as `accelsim.store.flat_table.table` gives them. Raises AccelsimError if none ran, or more than a page can show.
    """
    marked = with_fronts(rows, objectives, per)
    if not marked:
        raise AccelsimError(f"{where}: no points that ran")
    if len(marked) > MAX_POINTS:
        raise AccelsimError(
            f"{where}: {len(marked)} points, more than the {MAX_POINTS} that a page can show; "
            "narrow them with --sweep or --where"
        )
    marked.sort(key=lambda row: (row["group"], not row["front"], row["edp_pj_us"]))
    fields = telling_fields(marked)
    wanted = [
        "group", "front", "network", "scheme", "kind", "noise", "machine", "images", *fields,
        *(name for name in (*COST_COLUMNS, "area_mm2", *SHARE_COLUMNS) if name in marked[0]),
        *(name for name in COUNT_NAMES if any(row.get(name) for row in marked)), "id",
    ]  # fmt: skip
    kept = _with_labels([{name: row[name] for name in wanted} for row in marked])
    axes = list(objectives[:2]) if len(objectives) > 1 else ["noise", *objectives]
    return packed(kept) | {"objectives": list(objectives), "axes": axes, "fields": fields}


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


def packed(rows: Sequence[Row]) -> Packed:
    """Rows as plain data, names once. Numbers that are no counts are cut to `DIGITS`."""
    columns = list(rows[0]) if rows else []
    return {"columns": columns, "rows": [[plain_value(row[name]) for name in columns] for row in rows]}


def _counted(table: pd.DataFrame) -> list[str]:
    """Counts of which anything was counted."""
    return [name for name in COUNT_NAMES if table[name].any()]


def _with_labels(rows: Iterable[Row]) -> list[Row]:
    return [{**row, "label": scheme_label(row["scheme"])} for row in rows]


def plain_value(value: Any) -> Any:
    """Return NumPy's numbers as Python's; whole numbers stay exact, others are cut to `DIGITS`."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 2**53:
            return int(value)
        value = float(f"{value:.{DIGITS}g}")
        return value if math.isfinite(value) else None
    return value


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
