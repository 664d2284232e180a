"""Tables for a terminal, with rich; plain text when the output is no terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from accelsim.report.ratios import HIGH, LOW
from accelsim.trace import Scheme
from accelsim.visible_text import visible

if TYPE_CHECKING:
    import pandas as pd

    from accelsim.report.claims import Claim
    from accelsim.report.error_bars import Uncertainty
    from accelsim.results import Results

MIN_WIDTH = 200


class _Console(Console):
    """A console that shows the control characters of a text instead of obeying them."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible(text), **options)


def console() -> Console:
    """Prints at the terminal's width, but never so narrow that a number would be cut short."""
    # No markup: names come from files, and a bracket in one must not be read as a style.
    return _Console(highlight=False, markup=False, emoji=False, width=max(Console().width, MIN_WIDTH))


def _table(title: str, columns: Sequence[str], text_columns: int) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index < text_columns else "right", no_wrap=True)
    return table


def show_rows(rows: Sequence[Mapping[str, str]]) -> None:
    """Rows of text with the same columns, of which there is at least one; as wide as it takes, nothing cut short."""
    lines = [[visible(cell) for cell in line] for line in (list(rows[0]), *(row.values() for row in rows))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def scheme_label(name: str) -> str:
    """How a scheme is shown to people, from its name."""
    return Scheme.parse(name).label


def bar(row: Mapping[str, Any], column: str, spec: str) -> str:
    """The error bar of a ratio, `` [low, high]``, in the format of the ratio; empty if there is none or it is a point."""
    low, high = row.get(f"{column}_p{LOW}"), row.get(f"{column}_p{HIGH}")
    return "" if low == high else f" [{low:{spec}}, {high:{spec}}]"


def show_summary(summary: pd.DataFrame) -> None:
    """Absolute costs, one line per network and scheme; means over the images."""
    columns = ("scheme", "machine", "images", "cycles", "latency ms", "energy uJ", "EDP uJ ms", "brick util.")
    for network, rows in summary.groupby("network", sort=False):
        table = _table(f"{network}, per image", columns, 2)
        for row in rows.itertuples():
            table.add_row(
                scheme_label(row.scheme),
                row.machine,
                str(row.images),
                f"{row.latency_cycles:,.0f}",
                f"{row.latency_us / 1e3:.3f}",
                f"{row.energy_pj / 1e6:,.1f}",
                f"{row.edp_pj_us / 1e9:,.1f}",
                f"{row.brick_utilization:.3f}",
            )
        console().print(table)


def show_relative(normalized: pd.DataFrame) -> None:
    """Costs relative to dense, with the energy split, one line per network, scheme and machine."""
    dram = ("DRAM",) if normalized["dram_rel"].any() else ()
    columns = (
        "scheme", "machine", "noise %", "cycles", "time", "energy", "EDP",
        "compute", "SRAM", "registers", *dram, "leakage", "map. eff.", "brick util.",
    )  # fmt: skip
    for network, rows in normalized.groupby("network", sort=False):
        count = rows["images"].iloc[0]
        table = _table(f"{network}: mean of {count} image(s); costs relative to dense", columns, 2)
        for row in rows.sort_values(["kind", "noise"]).to_dict("records"):
            table.add_row(
                scheme_label(row["scheme"]),
                row["machine"],
                f"{100 * row['noise']:g}",
                f"{row['latency_cycles']:,.0f}",
                f"{row['time_rel']:.3f}",
                f"{row['energy_rel']:.3f}" + bar(row, "energy_rel", ".3f"),
                f"{row['edp_rel']:.3f}" + bar(row, "edp_rel", ".3f"),
                f"{row['compute_rel']:.3f}",
                f"{row['sram_rel']:.3f}",
                f"{row['registers_rel']:.3f}",
                *((f"{row['dram_rel']:.3f}",) if dram else ()),
                f"{row['leakage_rel']:.4f}",
                f"{row['mapping_efficiency']:.2f}",
                f"{row['brick_utilization']:.3f}",
            )
        console().print(table)
        console().print()


def show_machines(results: Results, areas_mm2: Mapping[str, float]) -> None:
    """VPUs and area of the machines as they were run, what their files say if that differs, and what was left out."""
    given = results.provenance.get("given_vpus", {})
    parts = []
    for name, area in areas_mm2.items():
        vpus = results.machines[name].mvu.vpus
        sized = (
            f" (its file says {given[name]}; sized to equal area)" if given.get(name, vpus) != vpus else ""
        )
        parts.append(f"{name}: {vpus} VPUs{sized}, {area:.3f} mm2")
    console().print("machines: " + "; ".join(parts), soft_wrap=True)
    if left_out := results.provenance.get("left_out"):
        console().print("not run, since no machine fits: " + ", ".join(left_out), soft_wrap=True)
    console().print()


def show_claims(claims: Sequence[Claim]) -> None:
    """Each claim with its verdict and evidence."""
    out = console()
    for claim in claims:
        out.print(
            f"{claim.name} {claim.network}: {claim.text}: {claim.verdict.upper()}",
            style="bold",
            soft_wrap=True,
        )
        out.print(f"   {claim.evidence}", soft_wrap=True)
        if claim.under_draws is not None:
            out.print(f"   with other energies: {claim.under_draws}", soft_wrap=True)
    out.print()


def show_uncertainty(table: pd.DataFrame, uncertainty: Uncertainty) -> None:
    """What the error bars are, and the energy constants with the largest effects by themselves."""
    from accelsim.report.tornado import LARGEST, change, tornado

    out, spread = console(), uncertainty.spread
    percent = f"{100 * spread.by:g} %"
    out.print(
        f"[{LOW} to {HIGH} %] of {spread.draws:,} joint draws (seed {spread.seed}) of {len(uncertainty.constants)} energy "
        f"constants, each uniform within {percent} of its value; each by itself, -{percent} to +{percent}:",
        soft_wrap=True,
    )
    columns = ("constant", "most for", "energy / dense", "energy structured / unstructured", "at noise %")
    for network in dict.fromkeys(table["network"]):
        shown = _table(f"{network}: largest effects", columns, 2)
        for effect in tornado(table, uncertainty, network)[:LARGEST]:
            shown.add_row(
                effect.constant,
                scheme_label(effect.scheme),
                change(effect.relative),
                "" if effect.structured is None else change(effect.structured),
                "" if effect.noise is None else f"{100 * effect.noise:g}",
            )
        out.print(shown)
    out.print()


def show_files(paths: Sequence[Path]) -> None:
    """Where the files are."""
    out = console()
    out.print("written: " + ", ".join(str(path) for path in paths), soft_wrap=True)
