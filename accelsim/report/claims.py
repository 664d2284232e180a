"""The five claims that the paper draws from its Figure 5, evaluated on our own table.

C1 to C5 are worded in ``CLAIMS``; each is decided by a rule stated in its function, and reported with the
numbers it was decided on, whichever way it goes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from accelsim.errors import AccelsimError

if TYPE_CHECKING:
    import pandas as pd

UNSTRUCTURED = r"unstructured-[\d.]+"
STRUCTURED = r"nm-\d+of8"
"""Names of the schemes that are compared: top-K over a whole image, and N of 8."""

SIMILAR_ENERGY = 0.25
"""C3 calls total energies similar if they differ by at most this share."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim on one table: whether it holds, and the numbers that say so.

    ``holds`` is None where the table lacks what the rule needs; ``evidence`` then says what that is.
    """

    name: str
    network: str
    text: str
    holds: bool | None
    evidence: str

    @property
    def verdict(self) -> str:
        """``holds``, ``does not hold`` or ``not evaluated``."""
        return {True: "holds", False: "does not hold", None: "not evaluated"}[self.holds]

    def as_dict(self) -> dict[str, str | bool | None]:
        """For JSON."""
        return asdict(self)


def paired(rows: pd.DataFrame) -> pd.DataFrame:
    """Unstructured and structured (N of 8) results of one network at the same degree of noise.

    One row per degree, ascending, columns suffixed ``_u`` and ``_s``; empty if nothing pairs.
    """
    unstructured = rows[rows["scheme"].str.fullmatch(UNSTRUCTURED)]
    structured = rows[rows["scheme"].str.fullmatch(STRUCTURED)]
    both = unstructured.merge(structured, on="noise", suffixes=("_u", "_s"))
    return both.sort_values("noise", ignore_index=True)


def _by_degree(pairs: pd.DataFrame, values: list[str]) -> str:
    return ", ".join(
        f"{100 * noise:g} %: {value}" for noise, value in zip(pairs["noise"], values, strict=True)
    )


def _c1(network: str, rows: pd.DataFrame) -> Claim:
    """Holds if time and energy of the unstructured scheme fall with every step of noise."""
    series = rows[rows["scheme"].str.fullmatch(UNSTRUCTURED)].sort_values("noise")
    falls = all((series[name].diff().dropna() < 0).all() for name in ("time_rel", "energy_rel"))
    below = series[(series["time_rel"] < 1) & (series["energy_rel"] < 1)]
    first, last = series.iloc[0], series.iloc[-1]
    evidence = (
        f"time {first['time_rel']:.3f}, energy {first['energy_rel']:.3f} of dense at {100 * first['noise']:g} % "
        f"noise, {last['time_rel']:.3f} and {last['energy_rel']:.3f} at {100 * last['noise']:g} %; both below "
        + (f"dense from {100 * below['noise'].min():g} % on" if len(below) else "dense nowhere")
        + f"; precise work is {100 * first['precise_share']:.0f} % of the MVU's busy cycles at the first, "
        f"{100 * last['precise_share']:.0f} % at the last"
    )
    return Claim("C1", network, "more noise alone gives less time and energy", falls, evidence)


def _c2(network: str, pairs: pd.DataFrame) -> Claim:
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
    return Claim("C2", network, text, bool((ratios < 1).all()), evidence)


def _c3(network: str, pairs: pd.DataFrame) -> Claim:
    """Holds if structured spends less SRAM energy at every degree, and total energies are similar."""
    sram = pairs["sram_rel_s"] / pairs["sram_rel_u"]
    energy = pairs["energy_rel_s"] / pairs["energy_rel_u"]
    holds = bool((sram < 1).all() and ((energy - 1).abs() <= SIMILAR_ENERGY).all())
    evidence = (
        "SRAM energy structured / unstructured at "
        + _by_degree(pairs, [f"{ratio:.2f}" for ratio in sram])
        + f"; total energy (similar: within {100 * SIMILAR_ENERGY:.0f} %) at "
        + _by_degree(pairs, [f"{ratio:.2f}" for ratio in energy])
    )
    text = "structured spends less SRAM energy, and similar energy in total"
    return Claim("C3", network, text, holds, evidence)


def _c4(network: str, pairs: pd.DataFrame) -> Claim:
    """Holds if structured has the lower EDP at every common degree of noise."""
    ratios = pairs["edp_rel_s"] / pairs["edp_rel_u"]
    evidence = "EDP structured / unstructured at " + _by_degree(pairs, [f"{ratio:.2f}" for ratio in ratios])
    return Claim("C4", network, "EDP falls further with structure", bool((ratios < 1).all()), evidence)


def _lost_advantage(pairs: pd.DataFrame) -> float:
    """Share of structure's best EDP advantage (ratio of EDPs) that is gone at the highest common degree."""
    advantage = pairs["edp_rel_u"] / pairs["edp_rel_s"]
    return float(1 - advantage.iloc[-1] / advantage.max())


def _c5(tables: dict[str, pd.DataFrame]) -> Claim:
    """Holds if structure has an EDP advantage on both, ResNet-18 loses part of it at the highest degree, WRN less."""
    text = "at high noise ResNet-18 loses part of structure's EDP advantage, WideResNet less"
    small, wide = "resnet18", "wrn34-10"
    if not (small in tables and wide in tables):
        return Claim("C5", f"{small}, {wide}", text, None, f"needs paired schemes of both {small} and {wide}")
    lost = {name: _lost_advantage(tables[name]) for name in (small, wide)}
    best = {name: float((tables[name]["edp_rel_u"] / tables[name]["edp_rel_s"]).max()) for name in lost}
    holds = min(best.values()) > 1 and lost[small] > 0 and lost[small] > lost[wide]
    parts = []
    for name in (small, wide):
        pairs = tables[name]
        advantage = pairs["edp_rel_u"] / pairs["edp_rel_s"]
        parts.append(
            f"{name}: EDP unstructured / structured at {_by_degree(pairs, [f'{a:.2f}' for a in advantage])} "
            f"(loses {100 * lost[name]:.0f} % of its best); mapping efficiency of structured at "
            + _by_degree(pairs, [f"{value:.2f}" for value in pairs["mapping_efficiency_s"]])
            + f"; bubbles and stalls at {100 * pairs['noise'].iloc[-1]:g} %: "
            f"{100 * pairs['lost_share_s'].iloc[-1]:.0f} % of its MVU's busy cycles"
        )
    return Claim("C5", f"{small}, {wide}", text, holds, "; ".join(parts))


def evaluate_claims(table: pd.DataFrame) -> list[Claim]:
    """C1 to C5 on a normalized summary (``accelsim.results.normalize``), network by network.

    Needs at most one machine for the unstructured and one for the N:M schemes (AccelsimError otherwise). C1
    takes two degrees of noise, C2 to C4 one that both schemes have, C5 both networks; C1 to C4 are left out and
    C5 is "not evaluated" where these are missing.
    """
    for kind in ("unstructured", "nm"):
        machines = sorted(set(table.loc[table["kind"] == kind, "machine"]))
        if len(machines) > 1:
            raise AccelsimError(
                f"figure 5: {' and '.join(machines)} both run {kind} schemes; give one machine of each kind"
            )
    table = table.copy()
    busy = table[[f"{kind}_{part}_cycles" for kind in ("approximate", "precise") for part in _PARTS]].sum(
        axis=1
    )
    table["precise_share"] = table[[f"precise_{part}_cycles" for part in _PARTS]].sum(axis=1) / busy
    lost = [f"{kind}_{part}_cycles" for kind in ("approximate", "precise") for part in _PARTS[1:]]
    table["lost_share"] = table[lost].sum(axis=1) / busy
    claims: list[Claim] = []
    pairs_of: dict[str, pd.DataFrame] = {}
    for network, rows in table.groupby("network", sort=False):
        if rows["scheme"].str.fullmatch(UNSTRUCTURED).sum() > 1:
            claims.append(_c1(str(network), rows))
        pairs = paired(rows)
        if len(pairs):
            pairs_of[str(network)] = pairs
            claims += [rule(str(network), pairs) for rule in (_c2, _c3, _c4)]
    return [*claims, _c5(pairs_of)] if pairs_of else claims


_PARTS = ("issue", "port_stall", "bubble")
