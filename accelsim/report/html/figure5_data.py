"""Figure 5 as plain data for charts: unstructured beside structured at each degree of noise, network by network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelsim.energy import GROUPS
from accelsim.pictures import network_title
from accelsim.report.claims import Claim, in_series
from accelsim.report.html.page_tables import BARS, packed
from accelsim.report.html.result_folder import Folder
from accelsim.schemes.scheme import Series

if TYPE_CHECKING:
    import pandas as pd

_VALUES = ("noise", "scheme", "machine", "time_rel", "energy_rel", "edp_rel", "mapping_efficiency")


def figure5_content(folder: Folder) -> list[dict[str, Any]]:
    """An entry for each network with both or one of the two kinds of schemes; empty without a dense run.

    A degree of noise that several machines ran has a bar for the first of them only, as Figure 5 has one machine of
    each kind; the page's table has all.
    """
    if folder.relative is None:
        return []
    found = []
    for network, rows in folder.relative.groupby("network", sort=False):
        series = {
            "unstructured": _series(rows, "unstructured"),
            "structured": _series(rows, "structured"),
        }
        if any(each["rows"] for each in series.values()):
            entry = {"network": str(network), "title": network_title(str(network)), "series": series}
            found.append(entry | {"images": int(rows["images"].iloc[0]), "bars": set(BARS) <= set(rows)})
    return found


def _series(rows: pd.DataFrame, series: Series) -> dict[str, Any]:
    chosen = in_series(rows, series).sort_values("noise").drop_duplicates("noise")
    wanted = [*_VALUES, *(f"{group}_rel" for group in GROUPS), *(bar for bar in BARS if bar in rows)]
    return packed(chosen[wanted].to_dict("records"))


def claims_content(claims: tuple[Claim, ...]) -> list[dict[str, Any]]:
    """The verdicts as text for the template."""
    return [
        {
            "name": claim.name,
            "network": ", ".join(network_title(each) for each in claim.network.split(", ")),
            "text": claim.text,
            "verdict": claim.verdict,
            "evidence": claim.evidence.split("; "),
            "draws": "" if claim.under_draws is None else str(claim.under_draws),
        }
        for claim in claims
    ]
