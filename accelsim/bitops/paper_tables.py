"""The paper's Tables 1, 2 and 4, as printed (published.csv), and what each of their methods is in our terms."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Literal

from accelsim.trace import Scheme

Extra = Literal["", "add", "multiply"]

COLUMNS = ("clean", "pgd20", "fgsm", "mifgsm", "cw_l2", "autoattack")
"""Accuracies in per cent, by attack."""


@dataclass(frozen=True)
class Published:
    """One row of a table. bitops: as printed; digits: of its mantissa (4.52e8 has 3)."""

    table: int
    dataset: str
    network: str
    method: str
    accuracy: Mapping[str, float]
    bitops: float

    @property
    def rounding(self) -> float:
        """Half a unit of the last printed digit: three digits in all three tables."""
        return 0.5 * float(f"1e{int(f'{self.bitops:e}'.split('e')[1]) - 2}")

    @property
    def scheme(self) -> Scheme:
        """The method's scheme: `noise-injection-90`, `noise-injection-7:8` (of 8, 7 are noisy); dense for the others."""
        found = re.fullmatch(r"noise-injection-(\d+)(?::(\d+))?", self.method)
        if found is None:
            return Scheme.dense()
        if found[2]:
            return Scheme.nm(keep=int(found[2]) - int(found[1]), of=int(found[2]))
        return Scheme.unstructured(noise=int(found[1]) / 100)

    @property
    def extra(self) -> Extra:
        """What RSE does to every input of a convolution besides: one addition, or one multiplication."""
        return "add" if self.method == "rse-add" else "multiply" if self.method == "rse-multiply" else ""


@cache
def published() -> tuple[Published, ...]:
    """Every row of Tables 1, 2 and 4, in the order of the paper."""
    text = resources.files("accelsim.bitops").joinpath("published.csv").read_text(encoding="ascii")
    return tuple(
        Published(
            table=int(row["table"]),
            dataset=row["dataset"],
            network=row["network"],
            method=row["method"],
            accuracy=MappingProxyType({name: float(row[name]) for name in COLUMNS if row[name]}),
            bitops=float(row["bitops"]),
        )
        for row in csv.DictReader(text.splitlines())
    )
