"""Counts that the RTL gave on small layers, recorded: a second judge of mutants that needs no hardware simulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from accelsim.config import Machine
from accelsim.counts import COUNT_NAMES
from accelsim.schemes import UnstructuredScheme
from accelsim.trace import Approximation, LayerShape, LayerTrace, Scheme
from tests.engine.strategies import Case

FILE = Path(__file__).with_name("rtl_counts.json")
"""Written by ``python -m tests.mutations.record_rtl``."""


def recorded_cases() -> Iterator[tuple[str, Case, list[dict[str, int]]]]:
    """(Name, case, counts of its one layer by the RTL)."""
    for number, recorded in enumerate(_content()["machines"]):
        machine = Machine.model_validate(recorded["machine"])
        for index, layer in enumerate(recorded["layers"]):
            counts = dict.fromkeys(COUNT_NAMES, 0) | layer["counts"]
            yield f"RTL {number}.{index}", Case((_layer(layer),), machine, 0), [counts]


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return content


def _layer(recorded: dict[str, Any]) -> LayerTrace:
    sizes = recorded["shape"].items()
    shape = LayerShape(**{name: tuple(size) if isinstance(size, list) else size for name, size in sizes})
    scheme = Scheme.parse(recorded["scheme"])
    approximation = None
    if recorded["k"]:
        approximation = Approximation(recorded["k"], recorded["nnz"], seed=0, form=recorded["form"])
    if recorded["mask"] is None:
        return LayerTrace.from_masks("layer", shape, scheme, None, approximation)
    packed = np.frombuffer(bytes.fromhex(recorded["mask"]), np.uint8)
    mask = np.unpackbits(packed, count=shape.positions * shape.n).reshape(1, shape.positions, shape.n)
    if isinstance(scheme, UnstructuredScheme):  # masks of any share
        scheme = UnstructuredScheme(scheme.noise, "calibrated", scheme.criterion, scheme.precise_bits)
    return LayerTrace.from_masks("layer", shape, scheme, mask.astype(np.bool_), approximation)
