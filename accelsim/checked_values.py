"""Checked values: the ranges that every number and name of a trace or scheme must lie in, with one-line refusals."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import SupportsIndex, cast

from accelsim.errors import AccelsimError

MAX_DIMENSION = 1 << 20
"""Largest size of any one axis of a layer. Bounds every product below 2**63 and every allocation."""

MAX_NAME = 200
"""Longest layer name, in characters."""


def whole(where: str, value: object, low: int, high: int) -> int:
    """`value` as an exact int in low..high (NumPy integers too, bools and floats not), else AccelsimError."""
    if not isinstance(value, bool) and hasattr(value, "__index__"):
        number = operator.index(cast(SupportsIndex, value))
        if low <= number <= high:
            return number
    raise AccelsimError(f"{where} is {shown(value)}; allowed: a whole number from {low} to {high}")


def pair(where: str, value: object, low: int, high: int) -> tuple[int, int]:
    """`value` as a (height, width) pair of ints, each in low..high."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or len(value) != 2:
        raise AccelsimError(f"{where} is {shown(value)}; allowed: a pair (height, width)")
    return whole(f"{where}[0]", value[0], low, high), whole(f"{where}[1]", value[1], low, high)


def fraction(where: str, value: object) -> float:
    """`value` as a finite float in 0..1."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number) and 0.0 <= number <= 1.0:
            return number
    raise AccelsimError(f"{where} is {shown(value)}; allowed: a finite number from 0 to 1")


def layer_name(where: str, value: object) -> str:
    """`value` as a layer name: printable, without '/', because it is also the name of an HDF5 dataset."""
    printable = isinstance(value, str) and value.isprintable() and 1 <= len(value) <= MAX_NAME
    if isinstance(value, str) and printable and "/" not in value and value != ".":
        return value
    raise AccelsimError(
        f"{where} is {shown(value)}; allowed: 1 to {MAX_NAME} printable characters without '/', not '.' alone"
    )


def shown(value: object) -> str:
    """`value` for a message: one line and short, whatever it holds."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."
