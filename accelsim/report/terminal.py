"""What commands print about results, with rich; plain text when the output is no terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from accelsim.report.ratio_tables import EFFECTS_ALIGN, Shown, effects_table, ratio_table, scheme_label
from accelsim.report.ratios import HIGH, LOW
from accelsim.tables import Format, print_table, terminal

if TYPE_CHECKING:
    import pandas as pd

    from accelsim.report.claims import Claim
    from accelsim.report.error_bars import Uncertainty
    from accelsim.results import Results

_COLUMNS: tuple[Shown, ...] = (
    ("noise %", "noise", lambda noise: f"{100 * noise:g}"),
    ("cycles", "latency_cycles", ",.0f"),
    ("time", "time_rel", ".3f"),
    ("energy", "energy_rel", ".3f"),
    ("EDP", "edp_rel", ".3f"),
    ("compute", "compute_rel", ".3f"),
    ("SRAM", "sram_rel", ".3f"),
    ("registers", "registers_rel", ".3f"),
    ("DRAM", "dram_rel", ".3f"),
    ("leakage", "leakage_rel", ".4f"),
    ("map. eff.", "mapping_efficiency", ".2f"),
    ("brick util.", "brick_utilization", ".3f"),
)


def show_summary(summary: pd.DataFrame) -> None:
    """Print absolute costs, one line per network and scheme; means over the images."""
    import pandas as pd

    for network, rows in summary.groupby("network", sort=False):
        costs = pd.DataFrame(
            {
                "scheme": rows["scheme"],
                "machine": rows["machine"],
                "images": rows["images"],
                "cycles": rows["latency_cycles"],
                "latency ms": rows["latency_us"] / 1e3,
                "energy uJ": rows["energy_pj"] / 1e6,
                "EDP uJ ms": rows["edp_pj_us"] / 1e9,
                "brick util.": rows["brick_utilization"],
            }
        )
        formats: dict[str, Format] = {
            "scheme": scheme_label,
            "cycles": ",.0f",
            "latency ms": ".3f",
            "energy uJ": ",.1f",
            "EDP uJ ms": ",.1f",
            "brick util.": ".3f",
        }
        print_table(costs, title=f"{network}, per image", formats=formats)


def show_relative(normalized: pd.DataFrame) -> None:
    """Print costs relative to dense, with the energy split, one line per network, scheme and machine."""
    for network, rows in normalized.groupby("network", sort=False):
        table = ratio_table(rows.sort_values(["kind", "noise"]), _COLUMNS)
        count = rows["images"].iloc[0]
        print_table(
            table,
            title=f"{network}: mean of {count} image(s); costs relative to dense",
            align="ll" + "r" * (table.shape[1] - 2),
        )
        print()


def show_machines(results: Results, areas_mm2: Mapping[str, float]) -> None:
    """Print VPUs and area of the machines as run, what their files say if that differs, and which schemes were left out."""
    given = results.provenance.get("given_vpus", {})
    parts = []
    for name, area in areas_mm2.items():
        vpus = results.machines[name].mvu.vpus
        sized = (
            f" (its file says {given[name]}; sized to equal area)" if given.get(name, vpus) != vpus else ""
        )
        parts.append(f"{name}: {vpus} VPUs{sized}, {area:.3f} mm2")
    terminal().print("machines: " + "; ".join(parts), soft_wrap=True)
    if left_out := results.provenance.get("left_out"):
        terminal().print("not run, since no machine fits: " + ", ".join(left_out), soft_wrap=True)
    print()


def show_claims(claims: Sequence[Claim]) -> None:
    """Print each claim with its verdict and evidence."""
    out = terminal()
    for claim in claims:
        out.print(
            f"{claim.name} {claim.network}: {claim.text}: {claim.verdict.upper()}",
            style="bold",
            soft_wrap=True,
        )
        out.print(f"   {claim.evidence}", soft_wrap=True)
        if claim.under_draws is not None:
            out.print(f"   with other energies: {claim.under_draws}", soft_wrap=True)
    print()


def show_uncertainty(table: pd.DataFrame, uncertainty: Uncertainty) -> None:
    """Print what the error bars are, and the energy constants with the largest effects by themselves."""
    out, spread = terminal(), uncertainty.spread
    percent = f"{100 * spread.by:g} %"
    out.print(
        f"[{LOW} to {HIGH} %] of {spread.draws:,} joint draws (seed {spread.seed}) of {len(uncertainty.constants)} energy "
        f"constants, each uniform within {percent} of its value; each by itself, -{percent} to +{percent}:",
        soft_wrap=True,
    )
    for network in dict.fromkeys(table["network"]):
        effects = effects_table(table, uncertainty, network)
        print_table(effects, title=f"{network}: largest effects", align=EFFECTS_ALIGN)
    print()


def show_files(paths: Sequence[Path]) -> None:
    """Print the paths of written files."""
    out = terminal()
    out.print("written: " + ", ".join(str(path) for path in paths), soft_wrap=True)
