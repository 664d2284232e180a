"""Costs relative to dense, and the effects of energy constants, as tables of text for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from accelsim.report.ratios import HIGH, LOW
from accelsim.report.tornado import LARGEST, change, tornado
from accelsim.schemes import parse_scheme
from accelsim.tables import Format, frame_of, shown_value

if TYPE_CHECKING:
    import pandas as pd

    from accelsim.report.error_bars import Uncertainty

Shown = tuple[str, str, Format]
"""A column's title, its name in the results, and its format."""


def scheme_label(name: str) -> str:
    """Return how a scheme is shown to people, from its name."""
    return parse_scheme(name).label


def ratio_table(rows: pd.DataFrame, columns: Sequence[Shown]) -> pd.DataFrame:
    """Return one row of text per scheme: its label, its machine, and `columns` with their error bars.

    Args:
        rows: Rows of a normalized summary (``accelsim.results.normalize``), with error bars where it has them.
        columns: What is shown of them. DRAM is left out where no row has any.
    """
    import pandas as pd

    kept = [each for each in columns if each[1] != "dram_rel" or rows["dram_rel"].any()]
    records = rows.to_dict("records")
    return pd.DataFrame(
        {
            "scheme": [scheme_label(row["scheme"]) for row in records],
            "machine": [row["machine"] for row in records],
            **{title: [_with_bar(row, name, how) for row in records] for title, name, how in kept},
        }
    )


def effects_table(table: pd.DataFrame, uncertainty: Uncertainty, network: str) -> pd.DataFrame:
    """Return one row of text per energy constant, those with the largest effects by themselves on a network."""
    rows = [
        [
            effect.constant,
            change(effect.relative),
            scheme_label(effect.scheme),
            None if effect.structured is None else change(effect.structured),
            None if effect.noise is None else f"noise {100 * effect.noise:g} %",
        ]
        for effect in tornado(table, uncertainty, network)[:LARGEST]
    ]
    titles = [f"{network}: constant", "energy / dense", "where", "energy structured / unstructured", "where"]
    return frame_of(rows, titles)


EFFECTS_ALIGN = "lrlrl"
"""Alignment of the columns of `effects_table`."""


def _with_bar(row: Mapping[str, Any], column: str, how: Format) -> str:
    """Return a value and its error bar, ``1.00 [0.95, 1.05]``; without one if there is none or it is a point."""
    value, low, high = (row.get(name) for name in (column, f"{column}_p{LOW}", f"{column}_p{HIGH}"))
    shown = shown_value(value, how)
    return shown if low == high else f"{shown} [{shown_value(low, how)}, {shown_value(high, how)}]"
