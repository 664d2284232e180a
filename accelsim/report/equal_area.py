"""The best machine of each kind within an area, by degree of noise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from accelsim.errors import AccelsimError
from accelsim.schemes import BASELINE, NmScheme, UnstructuredScheme

Row = Mapping[str, Any]

UNSTRUCTURED, STRUCTURED = UnstructuredScheme.kind, NmScheme.kind
KINDS = (UNSTRUCTURED, STRUCTURED)
"""Kinds of schemes that are compared, and in this order."""

COSTS = (("time", "latency_us"), ("energy", "energy_pj"), ("EDP", "edp_pj_us"))


@dataclass(frozen=True)
class Best:
    """The rows with the least cost within an area, all of one network.

    dense: without noise. of: (degree of noise, kind) to row; None where no machine of that kind ran within the area.
    """

    cost: str
    area_mm2: float
    dense: Row
    of: Mapping[tuple[float, str], Row | None]

    def relative(self, noise: float, kind: str) -> float | None:
        """Cost of the best machine of a kind, relative to the best dense one; None if there is none."""
        row = self.of[noise, kind]
        return None if row is None else float(row[self.cost] / self.dense[self.cost])

    @property
    def degrees(self) -> list[float]:
        """Degrees of noise, ascending."""
        return sorted({noise for noise, _ in self.of})


def best_within(rows: Iterable[Row], area_mm2: float, cost: str) -> Best:
    """Choose among the rows of a results table (`accelsim.store.flat_table.table`) that ran and are no larger than that.

    Degrees are those that every kind of scheme was run at. Raises AccelsimError if nothing dense is among the rows.
    """
    done = [row for row in rows if row["state"] == "done"]
    fitting = [row for row in done if row["area_mm2"] <= area_mm2]

    def least(candidates: list[Row]) -> Row | None:
        # Ties go to the smaller machine, then by identity, so that the choice does not depend on the order.
        return min(candidates, key=lambda row: (row[cost], row["area_mm2"], row["id"]), default=None)

    dense = least([row for row in fitting if row["kind"] == BASELINE.kind])
    if dense is None:
        raise AccelsimError(f"equal area: no dense machine of at most {area_mm2:g} mm2 among the results")
    degrees = set.intersection(*({row["noise"] for row in done if row["kind"] == kind} for kind in KINDS))
    chosen = {
        (noise, kind): least([row for row in fitting if (row["noise"], row["kind"]) == (noise, kind)])
        for noise in sorted(degrees)
        for kind in KINDS
    }
    return Best(cost, area_mm2, dense, chosen)


def pays_from(best: Best) -> float | None:
    """The degree of noise from which on the best N:M machine costs less than the best unstructured one; None if nowhere."""
    found = None
    for noise in reversed(best.degrees):
        structured, unstructured = best.relative(noise, STRUCTURED), best.relative(noise, UNSTRUCTURED)
        if structured is None or unstructured is None or structured >= unstructured:
            break
        found = noise
    return found


def machine_label(row: Row) -> str:
    """What varies in the sweep, short: cores x VPUs x bricks, weight SRAM of a core, lookahead."""
    size = f"{row['cores']}x{row['mvu.vpus']}x{row['mvu.bricks_per_vpu']}"
    weights = f"{row['weight_sram.kib']} KiB x {row['weight_sram.width_bits']} b"
    return f"{size}, {weights}, {row['sequencer.lookahead']}"
