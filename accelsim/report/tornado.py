"""Which energy constants matter: each at the ends of its range by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelsim.report.claims import paired
from accelsim.report.error_bars import Uncertainty
from accelsim.report.ratios import Array
from accelsim.schemes import BASELINE

if TYPE_CHECKING:
    import pandas as pd

LARGEST = 8
"""How many effects are shown to people; ``sensitivity`` has all."""


@dataclass(frozen=True)
class Effect:
    """What one constant (or kind of constants) does at the lower and upper end of its range, where it does most.

    ``relative``: relative changes of energy relative to dense, for ``scheme``. ``structured``: of structured's energy over
    unstructured's, at the degree ``noise`` that both have; both None if no degree is common.
    """

    constant: str
    scheme: str
    relative: tuple[float, float]
    noise: float | None
    structured: tuple[float, float] | None


def tornado(table: pd.DataFrame, found: Uncertainty, network: str) -> list[Effect]:
    """The effects of all constants on one network's energies, the largest first.

    ``table``: what ``found`` was made of. Unstructured and N of 8 are what ``structured`` compares.
    """
    numbered = table.assign(row=range(len(table)))
    rows = numbered[(numbered["network"] == network) & (numbered["scheme"] != BASELINE.name)]
    pairs = paired(rows)
    energy, ends = table["energy_rel"].to_numpy(float), found.draws.ends.energy
    relative = _changes(ends[rows["row"]], energy[rows["row"]])
    s, u = pairs["row_s"].to_numpy(np.intp), pairs["row_u"].to_numpy(np.intp)
    against = _changes(ends[s] / ends[u], energy[s] / energy[u])
    effects = []
    for index, constant in enumerate(found.moved):
        scheme = _widest(relative[:, :, index])
        degree = _widest(against[:, :, index]) if len(pairs) else None
        effects.append(
            Effect(
                constant,
                str(rows["scheme"].iloc[scheme]),
                _both(relative[scheme, :, index]),
                None if degree is None else float(pairs["noise"].iloc[degree]),
                None if degree is None else _both(against[degree, :, index]),
            )
        )
    return sorted(effects, key=lambda effect: -max(map(abs, effect.relative)))


def sensitivity(table: pd.DataFrame, found: Uncertainty) -> pd.DataFrame:
    """Every number behind ``tornado``: one row per (row of the table, constant).

    Columns ``energy_rel_low`` and ``energy_rel_high``, ``edp_rel_low`` and ``edp_rel_high``: the ratio to dense with the
    constant at the lower and at the upper end of its range, whichever ratio is the larger.
    """
    keys = table[["network", "machine", "scheme"]]
    long = keys.loc[keys.index.repeat(len(found.moved))].reset_index(drop=True)
    long["constant"] = list(found.moved) * len(table)
    for column, ends in (("energy_rel", found.draws.ends.energy), ("edp_rel", found.draws.ends.edp)):
        low, high = np.hsplit(ends, 2)
        long[f"{column}_low"], long[f"{column}_high"] = low.ravel(), high.ravel()
    return long


def change(ends: tuple[float, float]) -> str:
    """Relative changes as ``-3.1 % to +2.4 %``."""
    return f"{100 * ends[0]:+.1f} % to {100 * ends[1]:+.1f} %"


def _changes(ends: Array, nominal: Array) -> Array:
    """(rows, 2 x constants) ratios, all lower ends first, to their relative changes, (rows, 2, constants)."""
    return np.asarray((ends / nominal[:, None] - 1).reshape(len(ends), 2, ends.shape[1] // 2))


def _widest(changes: Array) -> int:
    """The row with the largest change in (rows, 2)."""
    return int(np.abs(changes).max(axis=1).argmax())


def _both(changes: Array) -> tuple[float, float]:
    return float(changes[0]), float(changes[1])
