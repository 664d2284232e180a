"""Figure 5's ratios with other energy constants, and the error bars they give (docs/energy.md, "Uncertainty")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.counts import COUNT_NAMES
from accelsim.energy.constant_prices import constant_prices
from accelsim.energy.published_energies import published_factors
from accelsim.energy.spread import Spread, ratios
from accelsim.report.ratios import HIGH, LOW, Array, Draws, Ratios
from accelsim.schemes import BASELINE

if TYPE_CHECKING:
    import pandas as pd

    from accelsim.results import Results

KIND_NAMES = {"logic": "all logic", "sram": "all SRAM", "dram": "all DRAM", "leakage": "all leakage"}


@dataclass(frozen=True)
class Uncertainty:
    """What other energy constants would make of a normalized table.

    ``constants``: their names. ``moved``: the constants, and the kinds of them, that ``draws.ends`` moves one at a time.
    ``draws``: the ratios, row for row of the table; the columns of ``ends`` are all lower ends, then all upper ends.
    """

    spread: Spread
    constants: tuple[str, ...]
    moved: tuple[str, ...]
    draws: Draws

    def with_bars(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with ``energy_rel_p5``, ``energy_rel_p95``, ``edp_rel_p5`` and ``edp_rel_p95`` of the joint draws.

        And ``energy_rel_published`` and ``edp_rel_published``, with constants as published, if any compare.
        """
        bars: dict[str, Any] = {}
        for column, drawn in (("energy_rel", self.draws.joint.energy), ("edp_rel", self.draws.joint.edp)):
            bars[f"{column}_p{LOW}"], bars[f"{column}_p{HIGH}"] = np.percentile(drawn, (LOW, HIGH), axis=1)
        if self.draws.published is not None:
            bars["energy_rel_published"] = self.draws.published.energy[:, 0]
            bars["edp_rel_published"] = self.draws.published.edp[:, 0]
        return table.assign(**bars)

    def as_dict(self) -> dict[str, Any]:
        """How the draws were made, for the provenance of results."""
        return {
            "draws": self.spread.draws,
            "seed": self.spread.seed,
            "spread": self.spread.by,
            "distribution": f"uniform factor in [{1 - self.spread.by:g}, {1 + self.spread.by:g}], one a constant",
            "error_bars": f"{LOW} to {HIGH} % of draws",
            "constants": list(self.constants),
        }


def uncertainty(results: Results, table: pd.DataFrame, spread: Spread) -> Uncertainty:
    """Price the counts behind ``table`` (means over images, relative to dense) anew under ``spread``.

    The constants are those of the technology, the same for all machines and images, so one draw prices every row and the
    dense baseline alike. Times and areas stay: no constant of energy changes them.
    """
    prices = {
        name: constant_prices(machine, results.technology) for name, machine in results.machines.items()
    }
    constants = list(dict.fromkeys(constant for each in prices.values() for constant in each))
    kinds = np.array([kind for _, kind in constants])
    matrices = {
        name: np.array(
            [[each.get(constant, {}).get(count, 0.0) for constant in constants] for count in COUNT_NAMES]
        )
        for name, each in prices.items()
    }
    energy_pj, edp_pj_us = _mean_parts(results, table, matrices)
    sram_pj = energy_pj * (kinds == "sram")
    baseline, time = _dense_rows(table), table[["time_rel"]].to_numpy(float)

    def priced_with(factors: Array) -> Ratios:
        return Ratios(
            time,
            energy=ratios(energy_pj, baseline, factors),
            edp=ratios(edp_pj_us, baseline, factors),
            sram=ratios(energy_pj, baseline, factors, of=sram_pj),
        )

    # A whole flow may be off (the cell library, CACTI's options): its constants then move together.
    families = [kind for kind in KIND_NAMES if (kinds == kind).sum() > 1]
    as_published = published_factors(results.technology, constants)
    together = np.vstack([np.eye(len(constants), dtype=bool), *(kinds == kind for kind in families)])
    moved = (*(name for name, _ in constants), *(KIND_NAMES[kind] for kind in families))
    draws = Draws(
        joint=priced_with(spread.joint(len(constants))),
        ends=priced_with(spread.one_at_a_time(together)),
        end_names=tuple(f"{name} {sign}{100 * spread.by:g} %" for sign in "-+" for name in moved),
        published=None if as_published is None else priced_with(np.array(as_published)[:, None]),
    )
    return Uncertainty(spread, tuple(name for name, _ in constants), moved, draws)


def _mean_parts(results: Results, table: pd.DataFrame, matrices: dict[str, Array]) -> tuple[Array, Array]:
    """What each constant contributes to a row's energy (pJ) and EDP (pJ us), means over images; (rows, constants)."""
    keys = ["network", "machine", "scheme"]
    images = results.images
    counts, latency_us = images[list(COUNT_NAMES)].to_numpy(float), images[["latency_us"]].to_numpy(float)
    where = images.groupby(keys, sort=False).indices
    energy, edp = [], []
    for key in table[keys].itertuples(index=False, name=None):
        parts = counts[where[key]] @ matrices[key[1]]
        energy.append(parts.mean(axis=0))
        edp.append((parts * latency_us[where[key]]).mean(axis=0))
    return np.array(energy), np.array(edp)


def _dense_rows(table: pd.DataFrame) -> Any:
    """(rows,), the row that each is relative to: dense of the same network."""
    networks, schemes = table["network"].tolist(), table["scheme"].tolist()
    dense = {
        network: row
        for row, (network, scheme) in enumerate(zip(networks, schemes, strict=True))
        if scheme == BASELINE.name
    }
    return np.array([dense[network] for network in networks], dtype=np.intp)
