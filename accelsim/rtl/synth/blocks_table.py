"""Lookup tables of a cell library (NLDM): a quantity by input transition time and output load."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import Any

SLEW, LOAD = "slew", "load"


@dataclass(frozen=True)
class Table:
    """A quantity over 0, 1 or 2 axes, each SLEW (ns) or LOAD (fF); `values` are row-major, last axis fastest."""

    axes: tuple[str, ...]
    points: tuple[tuple[float, ...], ...]
    values: tuple[float, ...]

    @classmethod
    def constant(cls, value: float) -> Table:
        """A quantity that depends on nothing."""
        return cls((), (), (value,))

    def scaled(self, factor: float) -> Table:
        """All values times a factor."""
        return Table(self.axes, self.points, tuple(factor * value for value in self.values))

    def at(self, slew_ns: float, load_ff: float) -> float:
        """Multilinear between the points; beyond them the outermost interval goes on in a straight line."""
        values: Any = self._rows
        for axis, points in zip(self.axes, self.points, strict=True):
            where = slew_ns if axis == SLEW else load_ff
            low, share = _interval(points, where)
            values = values[low] if share == 0.0 else _blend(values[low], values[low + 1], share)
        return float(values)

    @cached_property
    def _rows(self) -> Any:  # nested as deep as there are axes
        rows: list[Any] = list(self.values)
        for points in reversed(self.points[1:]):
            rows = [rows[i : i + len(points)] for i in range(0, len(rows), len(points))]
        return rows if self.points else rows[0]


def _interval(points: tuple[float, ...], where: float) -> tuple[int, float]:
    if len(points) == 1:
        return 0, 0.0
    low = min(max(bisect_right(points, where) - 1, 0), len(points) - 2)
    return low, (where - points[low]) / (points[low + 1] - points[low])


def _blend(low, high, share: float):  # type: ignore[no-untyped-def]
    if isinstance(low, list):
        return [_blend(a, b, share) for a, b in zip(low, high, strict=True)]
    return low + share * (high - low)
