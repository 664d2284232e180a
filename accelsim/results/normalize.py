"""Costs relative to the dense baseline of the same network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelsim.energy import GROUPS
from accelsim.errors import AccelsimError
from accelsim.schemes import BASELINE

if TYPE_CHECKING:
    import pandas as pd


def normalized(summary: pd.DataFrame) -> pd.DataFrame:
    """``summary`` with ``time_rel``, ``energy_rel``, ``edp_rel`` and each energy group's share of dense energy.

    Raises AccelsimError if a network has no row of scheme ``dense``, or more than one.
    """
    import pandas as pd

    parts = []
    for network, rows in summary.groupby("network", sort=False):
        dense = rows[rows["scheme"] == BASELINE.name]
        if len(dense) != 1:
            raise AccelsimError(f"{network}: needs one dense result to normalize by, has {len(dense)}")
        base = dense.iloc[0]
        part = rows.copy()
        part["time_rel"] = rows["latency_us"] / base["latency_us"]
        part["energy_rel"] = rows["energy_pj"] / base["energy_pj"]
        part["edp_rel"] = rows["edp_pj_us"] / base["edp_pj_us"]
        for group in GROUPS:
            part[f"{group}_rel"] = rows[f"{group}_pj"] / base["energy_pj"]
        parts.append(part)
    return pd.concat(parts, ignore_index=True)
