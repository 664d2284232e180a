"""Figure 5 as Markdown: the tables and verdicts that docs/reproduction.md shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from accelsim.report.ratio_tables import EFFECTS_ALIGN, Shown, effects_table, ratio_table
from accelsim.report.ratios import HIGH, LOW
from accelsim.schemes import BASELINE
from accelsim.tables import frame_of, markdown_table

if TYPE_CHECKING:
    import pandas as pd

    from accelsim.config import Machine
    from accelsim.report.claims import Claim
    from accelsim.report.error_bars import Uncertainty

_COLUMNS: tuple[Shown, ...] = (
    ("cycles", "latency_cycles", ",.0f"),
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
    uncertainty: Uncertainty | None = None,
) -> str:
    """Return a table per network (costs relative to dense, means over images), then the claims with their numbers.

    With an uncertainty, the tables have error bars, and the largest effects of energy constants come last.
    """
    lines = [
        "Machines as run: "
        + "; ".join(
            f"{name} {machines[name].mvu.vpus} VPUs, {mm2:.3f} mm2" for name, mm2 in areas_mm2.items()
        )
        + "."
    ]
    for network, rows in table.groupby("network", sort=False):
        dense = rows[rows["scheme"] == BASELINE.name].iloc[0]
        lines += [
            "",
            f"**{network}**, mean of {dense['images']} image(s); dense takes {dense['latency_cycles']:,.0f} cycles, "
            f"{dense['latency_us'] / 1e3:.2f} ms, {dense['energy_pj'] / 1e9:.3f} mJ.",
            "",
        ]
        shown = ratio_table(rows.sort_values(["kind", "noise", "scheme"]), _COLUMNS).drop(columns="machine")
        lines.append(markdown_table(shown, align="l" + "r" * (shown.shape[1] - 1)).rstrip("\n"))
    text = "\n".join(lines) + "\n\n" + claims_markdown(claims)
    return text if uncertainty is None else text + "\n" + tornado_markdown(table, uncertainty)


def claims_markdown(claims: Sequence[Claim]) -> str:
    """Return the table of verdicts."""
    drawn = any(claim.under_draws is not None for claim in claims)
    rows = [
        {
            "claim": f"{claim.name}: {claim.text}",
            "network": claim.network,
            "verdict": f"**{claim.verdict}**",
            "with other energies": claim.under_draws,
            "numbers": claim.evidence,
        }
        for claim in claims
    ]
    table = frame_of(rows, ["claim", "network", "verdict", "with other energies", "numbers"])
    return markdown_table(table if drawn else table.drop(columns="with other energies"))


def tornado_markdown(table: pd.DataFrame, uncertainty: Uncertainty) -> str:
    """Return how the constants were drawn, and a table per network of those with the largest effects by themselves."""
    spread = uncertainty.spread
    percent = f"{100 * spread.by:g} %"
    lines = [
        f"Energy constants: {len(uncertainty.constants)}, each multiplied by a factor of its own, uniform within "
        f"{percent} of 1, in {spread.draws:,} joint draws (seed {spread.seed}); in brackets, {LOW} to {HIGH} % "
        f"of the draws. One at a time, these change most of energy, from -{percent} to +{percent} of the constant:"
    ]
    for network in dict.fromkeys(table["network"]):
        effects = effects_table(table, uncertainty, network)
        lines += ["", markdown_table(effects, align=EFFECTS_ALIGN).rstrip("\n")]
    return "\n".join(lines) + "\n"
