"""Mistakes in the rules of projections, precisions, the code pass and 100 % noise: the oracle catches each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from random import Random

import numpy as np
import pytest

from accelsim.trace import Approximation, LayerShape, LayerTrace, Scheme
from tests.engine.axes import axes_case, groups_of_8_case
from tests.engine.strategies import Case, small_machine
from tests.mutations.axes_catalogue import AXES
from tests.mutations.mutant import Mutation, mutant, unchanged
from tests.mutations.verdict import first_catch
from tests.oracles.per_cycle import oracle_image

CASES = 200


def same_shape_case(precise_bits: int) -> Case:
    """A layer that differs from another case's in nothing but its precision."""
    shape = LayerShape(kind="conv", c_in=8, c_out=6, kernel=(1, 1), h_in=1, w_in=5)
    masks = np.ones((1, 5, 6), np.bool_)
    scheme = Scheme.unstructured(0.5, "calibrated", precise_bits=precise_bits)
    layer = LayerTrace.from_masks("same", shape, scheme, masks, Approximation(8, 8, 0))
    return Case((layer,), small_machine(mvu={"precise_bits": [16, 8]}), 0)


@cache
def _judged(number: int) -> tuple[Case, list[dict[str, int]]]:
    if number < 2:
        case = same_shape_case((16, 8)[number])
    else:
        case = (groups_of_8_case if number % 4 == 0 else axes_case)(Random(f"mistakes {number}"))
    return case, oracle_image(case.layers, case.machine, case.image)


def judged() -> Iterator[tuple[str, Case, list[dict[str, int]]]]:
    for number in range(CASES):
        yield (f"axes {number}", *_judged(number))


@pytest.mark.parametrize("mutation", AXES, ids=lambda mutation: mutation.name)
def test_is_caught(mutation: Mutation) -> None:
    assert first_catch(mutant(mutation), judged()) is not None, mutation.rule


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_engines_without_a_mistake_are_not(engine: str) -> None:
    assert first_catch(unchanged(engine), judged()) is None  # type: ignore[arg-type]
