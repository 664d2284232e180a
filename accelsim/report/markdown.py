"""Figure 5 as Markdown: the tables and verdicts that docs/reproduction.md shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from accelsim.report.terminal import scheme_label

if TYPE_CHECKING:
    import pandas as pd

    from accelsim.config import Machine
    from accelsim.report.claims import Claim

_COLUMNS = (
    ("time", "time_rel", ".3f"),
    ("energy", "energy_rel", ".3f"),
    ("EDP", "edp_rel", ".4f"),
    ("compute", "compute_rel", ".3f"),
    ("SRAM", "sram_rel", ".3f"),
    ("registers", "registers_rel", ".3f"),
    ("DRAM", "dram_rel", ".3f"),
    ("leakage", "leakage_rel", ".3f"),
    ("mapping efficiency", "mapping_efficiency", ".2f"),
    ("MVU busy", "mvu_busy", ".2f"),
)


def figure5_markdown(
    table: pd.DataFrame,
    claims: Sequence[Claim],
    machines: Mapping[str, Machine],
    areas_mm2: Mapping[str, float],
) -> str:
    """A table per network (costs relative to dense, means over images), then the claims with their numbers."""
    lines = [
        "Machines as run: "
        + "; ".join(
            f"{name} {machines[name].mvu.vpus} VPUs, {mm2:.3f} mm2" for name, mm2 in areas_mm2.items()
        )
        + "."
    ]
    columns = [each for each in _COLUMNS if each[1] != "dram_rel" or table["dram_rel"].any()]
    for network, rows in table.groupby("network", sort=False):
        dense = rows[rows["scheme"] == "dense"].iloc[0]
        lines += [
            "",
            f"**{network}**, mean of {dense['images']} image(s); dense takes {dense['latency_cycles']:,.0f} cycles, "
            f"{dense['latency_us'] / 1e3:.2f} ms, {dense['energy_pj'] / 1e9:.3f} mJ.",
            "",
            "| scheme | cycles | " + " | ".join(title for title, _, _ in columns) + " |",
            "| --- |" + " ---: |" * (len(columns) + 1),
        ]
        for _, row in rows.sort_values(["kind", "noise", "scheme"]).iterrows():
            cells = [scheme_label(row["scheme"]), f"{row['latency_cycles']:,.0f}"]
            cells += [format(row[column], spec) for _, column, spec in columns]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n\n" + claims_markdown(claims)


def claims_markdown(claims: Sequence[Claim]) -> str:
    """A table of verdicts."""
    lines = ["| claim | network | verdict | numbers |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {claim.name}: {claim.text} | {claim.network} | **{claim.verdict}** | {claim.evidence} |"
        for claim in claims
    ]
    return "\n".join(lines) + "\n"
