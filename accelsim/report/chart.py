"""`Chart`: panels of bars, lines or points, described once and drawn both on the page and as a picture."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from accelsim.errors import AccelsimError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Kind = Literal["bar", "line", "points"]

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_COLOUR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True)
class ChartTables:
    """The results that charts are made of.

    Args:
        summary: One row per (network, machine, scheme), means over images (`accelsim.results.Results.summary`).
        layers: One row per (machine, scheme, image, layer) (`accelsim.results.Results.layers`).
        relative: `summary` with costs relative to dense (`accelsim.results.normalize`), and error bars
            (``energy_rel_p5`` and so on) where they were drawn; None without a dense run.
    """

    summary: pd.DataFrame
    layers: pd.DataFrame
    relative: pd.DataFrame | None


@dataclass(frozen=True)
class ChartSeries:
    """What has one colour and one entry in the legend.

    Args:
        name: In the legend.
        colour: As ``#4477aa``.
        x: Categories as text where the panel has bars, else numbers.
        y: One number per x.
        low: Lower ends of error bars, one per x; empty without error bars.
        high: Upper ends.
        notes: What each point is, shown where a reader points at it; empty: the series' name.
    """

    name: str
    colour: str
    x: Sequence[str] | Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Panel:
    """One coordinate system.

    Args:
        title: Above the panel; the meaning and unit of y.
        x_title: Meaning and unit of x.
        series: What is drawn. Bars of several series stand beside each other at each category.
        kind: ``bar``, ``line`` or ``points``.
        heading: Panels with the same heading stand in a row, under it.
        aside: Said after the heading.
        reference: Height of a dotted line across the panel; None for none.
        categories: Of bars, from left to right. Default: in the order in which the series first have them.
    """

    title: str
    x_title: str
    series: Sequence[ChartSeries]
    kind: Kind = "bar"
    heading: str = ""
    aside: str = ""
    reference: float | None = None
    categories: Sequence[str] = ()

    def __post_init__(self) -> None:
        where = f"panel {self.title!r}"
        if self.kind not in get_args(Kind):
            raise AccelsimError(f"{where}: kind {self.kind!r}; allowed: {', '.join(get_args(Kind))}")
        if not self.series:
            raise AccelsimError(f"{where}: has no series")
        for series in self.series:
            _check_series(f"{where}, series {series.name!r}", series, self.kind)
        if self.kind == "bar":
            found = dict.fromkeys(str(x) for series in self.series for x in series.x)
            if self.categories and (missing := [x for x in found if x not in self.categories]):
                raise AccelsimError(
                    f"{where}: category {missing[0]!r} of a series is not among the categories"
                )
            object.__setattr__(self, "categories", tuple(self.categories or found))


@dataclass(frozen=True)
class Drawing:
    """What a chart shows of some results.

    Args:
        panels: In the order in which they stand.
        about: What a reader must know to read them, in a sentence or two.
    """

    panels: Sequence[Panel]
    about: str = ""


@dataclass(frozen=True)
class Chart:
    """A chart that the page and `accelsim figure5` know.

    Args:
        name: Lower-case letters, digits and hyphens; also the name of the picture's files.
        title: Above the chart on the page.
        draw: Returns what to show of the results; None where they have nothing for this chart.
        picture: Returns the matplotlib figure that `accelsim figure5` saves. Default: the panels of `draw`.
    """

    name: str
    title: str
    draw: Callable[[ChartTables], Drawing | None]
    picture: Callable[[ChartTables], Figure] | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise AccelsimError(
                f"chart {self.name!r}: allowed in a name are lower-case letters, digits and hyphens"
            )


def drawing_of(chart: Chart, tables: ChartTables) -> Drawing | None:
    """Return what a chart shows of results; None if nothing.

    Raises:
        AccelsimError: The chart's own code raised; the message names the chart.
    """
    try:
        return chart.draw(tables)
    except Exception as error:  # charts of users may raise anything
        text = " ".join(f"{type(error).__name__}: {error}".split())
        raise AccelsimError(f"chart {chart.name}: {text}") from error


def _check_series(where: str, series: ChartSeries, kind: Kind) -> None:
    if not _COLOUR.fullmatch(series.colour):
        raise AccelsimError(f"{where}: colour {series.colour!r}; allowed: # and six lower-case hex digits")
    for field in ("x", "y", "low", "high", "notes"):
        count = len(getattr(series, field))
        if count != len(series.x) and (count or field == "y"):
            raise AccelsimError(f"{where}: {count} values in {field}, {len(series.x)} in x")
    if len(series.low) != len(series.high):
        raise AccelsimError(f"{where}: error bars need both low and high")
    numbers = [*series.y, *series.low, *series.high]
    if kind == "bar":
        if not all(isinstance(value, str) for value in series.x):
            raise AccelsimError(f"{where}: x of bars are categories; allowed: text")
    else:
        numbers += series.x  # type: ignore[arg-type]
    if not all(not isinstance(value, str) and math.isfinite(value) for value in numbers):
        raise AccelsimError(f"{where}: not all values are finite numbers")
