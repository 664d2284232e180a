"""The tables of docs/sweeps.md: the best machine of each kind within an area, by degree of noise."""

from __future__ import annotations

from collections.abc import Sequence

from accelsim.report.equal_area import (
    COSTS,
    KINDS,
    STRUCTURED,
    UNSTRUCTURED,
    Best,
    Row,
    best_within,
    machine_label,
    pays_from,
)
from accelsim.tables import frame_of, markdown_table


def equal_area_markdown(rows: Sequence[Row], unit_mm2: float, shares: Sequence[float]) -> str:
    """Return one table per area of the best machines by EDP, and one of where N:M pays, by cost.

    Args:
        rows: A results table (`accelsim.store.flat_table.table`).
        unit_mm2: The area that `shares` are relative to.
        shares: Areas that are shown.
    """
    parts: list[str] = []
    for share in shares:
        best = best_within(rows, share * unit_mm2, "edp_pj_us")
        dense = best.dense
        parts.append(
            f"**At most {best.area_mm2:.2f} mm2** ({share:g} x `unstructured`). Best dense machine: "
            f"{machine_label(dense)}; {dense['latency_us'] / 1e3:.2f} ms, {dense['energy_pj'] / 1e9:.3f} mJ.\n"
        )
        parts.append(_best_machines(best))
    parts.append("N:M / unstructured, the best machine of each, by what is to be least:\n")
    parts.append(_where_it_pays(rows, unit_mm2, shares))
    return "\n".join(parts)


def _best_machines(best: Best) -> str:
    rows = []
    for noise in best.degrees:
        cells: list[object] = []
        for kind in KINDS:
            row = best.of[noise, kind]
            cells += [
                "none" if row is None else machine_label(row),
                _three_digits(best.relative(noise, kind)),
            ]
        rows.append([f"{100 * noise:g} %", *cells, _ratio(best, noise)])
    titles = ["noise", "best unstructured", "EDP", "best N:M", "EDP", "N:M / unstructured"]
    return markdown_table(frame_of(rows, titles), align="rlrlrr")


def _where_it_pays(rows: Sequence[Row], unit_mm2: float, shares: Sequence[float]) -> str:
    lines = []
    for share in shares:
        for title, cost in COSTS:
            best = best_within(rows, share * unit_mm2, cost)
            start = pays_from(best)
            pays = "nowhere" if start is None else f"{100 * start:g} %"
            lines.append([f"{share:g} x", title, *(_ratio(best, noise) for noise in best.degrees), pays])
    titles = ["area", "cost", *(f"{100 * noise:g} %" for noise in best.degrees), "N:M pays from"]
    return markdown_table(frame_of(lines, titles), align="rl" + "r" * (len(titles) - 2))


def _three_digits(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"


def _ratio(best: Best, noise: float) -> str | None:
    structured, unstructured = best.relative(noise, STRUCTURED), best.relative(noise, UNSTRUCTURED)
    return None if structured is None or unstructured is None else f"{structured / unstructured:.2f}"
