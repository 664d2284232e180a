"""The front against its definition, point by point against every other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.search.front import non_dominated

Point = tuple[float, ...]


def beats(one: Point, other: Point) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other


def by_definition(points: list[Point]) -> list[bool]:
    return [not any(beats(other, point) for other in points) for point in points]


# Few distinct values, so that ties in one objective, in several and in all are common.
coordinates = st.sampled_from([0.0, 1.0, 2.0, 3.0, 1e300, math.inf, -math.inf, -1.5])


@settings(max_examples=400, deadline=None)
@given(st.integers(1, 4).flatmap(lambda m: st.lists(st.tuples(*[coordinates] * m), min_size=1, max_size=25)))
def test_is_the_definition(points: list[Point]) -> None:
    assert non_dominated(points).tolist() == by_definition(points)


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_is_the_definition_for_many_points(objectives: int) -> None:
    values = np.random.default_rng(objectives).integers(0, 40, (600, objectives)).astype(float)
    assert non_dominated(values).tolist() == by_definition([tuple(row) for row in values.tolist()])


def test_by_hand() -> None:
    """Time, energy: (3, 1), (2, 2), (1, 3) are the front; (2, 3) and (3, 2) are beaten, (2, 2) is there twice."""
    points = [(3, 1), (2, 2), (1, 3), (2, 3), (3, 2), (2, 2)]
    assert non_dominated(points).tolist() == [True, True, True, False, False, True]


def test_order_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    values, order = rng.random((200, 3)), rng.permutation(200)
    assert (non_dominated(values)[order] == non_dominated(values[order])).all()


def test_no_points_have_an_empty_front() -> None:
    assert non_dominated(np.empty((0, 3))).tolist() == []


@pytest.mark.parametrize("wrong", [[[1.0, math.nan]], [1.0, 2.0], [[], []]])
def test_refuses_what_has_no_order(wrong: object) -> None:
    with pytest.raises(ValueError):
        non_dominated(wrong)  # type: ignore[arg-type]
