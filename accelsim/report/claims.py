"""The five claims that the paper draws from its Figure 5, evaluated on our own table.

Each is decided by its rule in ``accelsim.report.claim_rules`` and reported with the numbers it was decided on, whichever
way it goes, and with how it fares under other energy constants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.errors import AccelsimError
from accelsim.report import claim_rules as rules
from accelsim.report.claim_rules import SIMILAR_ENERGY, Verdicts
from accelsim.report.ratios import Array, Draws, Ratios
from accelsim.schemes import NmScheme, UnstructuredScheme, parse_scheme
from accelsim.schemes.scheme import Series

if TYPE_CHECKING:
    import pandas as pd

_PARTS = ("issue", "port_stall", "bubble")


@dataclass(frozen=True, slots=True)
class Survival:
    """A claim under other energy constants.

    ``share``: of the joint draws, between 0 and 1, in which it holds. ``changed_by``: which constants at which end of
    their range change the verdict by themselves. ``published``: whether it holds with constants as published; None if none
    compare.
    """

    share: float
    changed_by: tuple[str, ...]
    published: bool | None = None

    def __str__(self) -> str:
        text = f"holds in {100 * self.share:.4g} % of draws"
        if self.changed_by:
            text += f"; changed by {', '.join(self.changed_by)} alone"
        if self.published is not None:
            text += "; holds with published ones" if self.published else "; does not with published ones"
        return text


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim on one table: whether it holds, and the numbers that say so.

    ``holds`` is None where the table lacks what the rule needs; ``evidence`` then says what that is.
    ``under_draws``: how it fares when the energy constants are drawn anew; None without draws.
    """

    name: str
    network: str
    text: str
    holds: bool | None
    evidence: str
    under_draws: Survival | None = None

    @property
    def verdict(self) -> str:
        """``holds``, ``does not hold`` or ``not evaluated``."""
        return {True: "holds", False: "does not hold", None: "not evaluated"}[self.holds]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class _Decision:
    """The ratios that rules are applied to: the table's own, (rows, 1), and those with other energy constants."""

    nominal: Ratios
    draws: Draws | None

    def by(self, rule: Callable[[Ratios], Verdicts]) -> tuple[bool, Survival | None]:
        """Whether the rule holds on the table, and how that verdict fares under the draws."""
        holds = bool(rule(self.nominal).all())
        if self.draws is None:
            return holds, None
        # A rule on time alone has one verdict for all draws.
        ends = np.broadcast_to(rule(self.draws.ends), len(self.draws.end_names))
        others = tuple(
            name for name, same in zip(self.draws.end_names, ends == holds, strict=True) if not same
        )
        published = None if self.draws.published is None else bool(rule(self.draws.published).all())
        return holds, Survival(float(rule(self.draws.joint).mean()), others, published)

    def by_pair(
        self, rule: Callable[[Ratios, Ratios], Verdicts], pairs: pd.DataFrame
    ) -> tuple[bool, Survival | None]:
        """The same for a rule on structured and unstructured rows."""
        return self.by(lambda ratios: rule(ratios.of(pairs["row_s"]), ratios.of(pairs["row_u"])))


def in_series(rows: pd.DataFrame, series: Series) -> pd.DataFrame:
    """Return the rows whose scheme is of a series of Figure 5: top-K over a whole image, or N of 8."""
    return rows[[parse_scheme(name).figure5_series == series for name in rows["scheme"]]]


def paired(rows: pd.DataFrame) -> pd.DataFrame:
    """Unstructured and structured (N of 8) results of one network at the same degree of noise.

    One row per degree, ascending, columns suffixed ``_u`` and ``_s``; empty if nothing pairs.
    """
    unstructured, structured = in_series(rows, "unstructured"), in_series(rows, "structured")
    both = unstructured.merge(structured, on="noise", suffixes=("_u", "_s"))
    return both.sort_values("noise", ignore_index=True)


def _by_degree(pairs: pd.DataFrame, values: list[str]) -> str:
    return ", ".join(
        f"{100 * noise:g} %: {value}" for noise, value in zip(pairs["noise"], values, strict=True)
    )


def _c1(network: str, rows: pd.DataFrame, decide: _Decision) -> Claim:
    """Holds if time and energy of the unstructured scheme fall with every step of noise."""
    series = in_series(rows, "unstructured").sort_values("noise")
    holds, survival = decide.by(lambda ratios: rules.costs_fall(ratios.of(series["row"])))
    below = series[(series["time_rel"] < 1) & (series["energy_rel"] < 1)]
    first, last = series.iloc[0], series.iloc[-1]
    evidence = (
        f"time {first['time_rel']:.3f}, energy {first['energy_rel']:.3f} of dense at {100 * first['noise']:g} % "
        f"noise, {last['time_rel']:.3f} and {last['energy_rel']:.3f} at {100 * last['noise']:g} %; both below "
        + (f"dense from {100 * below['noise'].min():g} % on" if len(below) else "dense nowhere")
        + f"; precise work is {100 * first['precise_share']:.0f} % of the MVU's busy cycles at the first, "
        f"{100 * last['precise_share']:.0f} % at the last"
    )
    return Claim("C1", network, "more noise alone gives less time and energy", holds, evidence, survival)


def _c2(network: str, pairs: pd.DataFrame, decide: _Decision) -> Claim:
    """Holds if structured is faster than unstructured at every common degree of noise."""
    ratios = pairs["time_rel_s"] / pairs["time_rel_u"]
    evidence = "time structured / unstructured at " + _by_degree(pairs, [f"{ratio:.2f}" for ratio in ratios])
    evidence += "; mapping efficiency structured against unstructured at " + _by_degree(
        pairs,
        [
            f"{s:.2f} against {u:.2f}"
            for s, u in zip(pairs["mapping_efficiency_s"], pairs["mapping_efficiency_u"], strict=True)
        ],
    )
    text = "structured is faster than unstructured at the same degree of noise"
    holds, survival = decide.by_pair(rules.faster, pairs)
    return Claim("C2", network, text, holds, evidence, survival)


def _c3(network: str, pairs: pd.DataFrame, decide: _Decision) -> Claim:
    """Holds if structured spends less SRAM energy at every degree, and total energies are similar."""
    sram = pairs["sram_rel_s"] / pairs["sram_rel_u"]
    energy = pairs["energy_rel_s"] / pairs["energy_rel_u"]
    evidence = (
        "SRAM energy structured / unstructured at "
        + _by_degree(pairs, [f"{ratio:.2f}" for ratio in sram])
        + f"; total energy (similar: within {100 * SIMILAR_ENERGY:.0f} %) at "
        + _by_degree(pairs, [f"{ratio:.2f}" for ratio in energy])
    )
    text = "structured spends less SRAM energy, and similar energy in total"
    holds, survival = decide.by_pair(rules.saves_sram, pairs)
    return Claim("C3", network, text, holds, evidence, survival)


def _c4(network: str, pairs: pd.DataFrame, decide: _Decision) -> Claim:
    """Holds if structured has the lower EDP at every common degree of noise."""
    ratios = pairs["edp_rel_s"] / pairs["edp_rel_u"]
    evidence = "EDP structured / unstructured at " + _by_degree(pairs, [f"{ratio:.2f}" for ratio in ratios])
    holds, survival = decide.by_pair(rules.lower_edp, pairs)
    return Claim("C4", network, "EDP falls further with structure", holds, evidence, survival)


def _c5(tables: dict[str, pd.DataFrame], decide: _Decision) -> Claim:
    """Holds if structure has an EDP advantage on both, ResNet-18 loses part of it at the highest degree, WRN less."""
    text = "at high noise ResNet-18 loses part of structure's EDP advantage, WideResNet less"
    small, wide = "resnet18", "wrn34-10"
    if not (small in tables and wide in tables):
        return Claim("C5", f"{small}, {wide}", text, None, f"needs paired schemes of both {small} and {wide}")

    def advantage(ratios: Ratios, network: str) -> Array:
        pairs = tables[network]
        return rules.edp_advantage(ratios.of(pairs["row_s"]), ratios.of(pairs["row_u"]))

    holds, survival = decide.by(
        lambda ratios: rules.loses_advantage(advantage(ratios, small), advantage(ratios, wide))
    )
    parts = []
    for name in (small, wide):
        pairs, found = tables[name], advantage(decide.nominal, name)
        parts.append(
            f"{name}: EDP unstructured / structured at {_by_degree(pairs, [f'{a:.2f}' for a in found[:, 0]])} "
            f"(loses {100 * rules.lost_share(found)[0]:.0f} % of its best); mapping efficiency of structured at "
            + _by_degree(pairs, [f"{value:.2f}" for value in pairs["mapping_efficiency_s"]])
            + f"; bubbles and stalls at {100 * pairs['noise'].iloc[-1]:g} %: "
            f"{100 * pairs['lost_share_s'].iloc[-1]:.0f} % of its MVU's busy cycles"
        )
    return Claim("C5", f"{small}, {wide}", text, holds, "; ".join(parts), survival)


def evaluate_claims(table: pd.DataFrame, draws: Draws | None = None) -> list[Claim]:
    """C1 to C5 on a normalized summary (``accelsim.results.normalize``), network by network.

    ``draws``: the table's ratios with other energy constants, to tell which verdicts survive them.
    Needs at most one machine for the unstructured and one for the N:M schemes (AccelsimError otherwise). C1
    takes two degrees of noise, C2 to C4 one that both schemes have, C5 both networks; C1 to C4 are left out and
    C5 is "not evaluated" where these are missing.
    """
    for kind in (UnstructuredScheme.kind, NmScheme.kind):
        machines = sorted(set(table.loc[table["kind"] == kind, "machine"]))
        if len(machines) > 1:
            raise AccelsimError(
                f"figure 5: {' and '.join(machines)} both run {kind} schemes; give one machine of each kind"
            )
    nominal = Ratios(*(table[[f"{cost}_rel"]].to_numpy(float) for cost in ("time", "energy", "edp", "sram")))
    decide = _Decision(nominal, draws)
    table = table.assign(row=range(len(table)))
    busy = table[[f"{kind}_{part}_cycles" for kind in ("approximate", "precise") for part in _PARTS]].sum(
        axis=1
    )
    table["precise_share"] = table[[f"precise_{part}_cycles" for part in _PARTS]].sum(axis=1) / busy
    lost = [f"{kind}_{part}_cycles" for kind in ("approximate", "precise") for part in _PARTS[1:]]
    table["lost_share"] = table[lost].sum(axis=1) / busy
    claims: list[Claim] = []
    pairs_of: dict[str, pd.DataFrame] = {}
    for network, rows in table.groupby("network", sort=False):
        if len(in_series(rows, "unstructured")) > 1:
            claims.append(_c1(str(network), rows, decide))
        pairs = paired(rows)
        if len(pairs):
            pairs_of[str(network)] = pairs
            claims += [claim(str(network), pairs, decide) for claim in (_c2, _c3, _c4)]
    return [*claims, _c5(pairs_of, decide)] if pairs_of else claims
