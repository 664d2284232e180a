"""Lists and ranges of an axis."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import AccelsimError
from accelsim.sweep.axis_values import MAX_VALUES, axis_values


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ([3, 1, 3, 2], (3, 1, 2)),
        ([1, 1.0, True], (1, 1.0, True)),
        ([None, {"a": 1}, {"a": 1}], (None, {"a": 1})),
        ({"from": 0, "to": 7, "step": 3}, (0, 3, 6)),
        ({"from": 0.1, "to": 0.4, "step": 0.1}, (0.1, 0.2, 0.1 + 2 * 0.1, 0.4)),
        ({"from": 4, "to": 64, "factor": 2}, (4, 8, 16, 32, 64)),
        ({"from": 4, "to": 63, "factor": 2}, (4, 8, 16, 32)),
        ({"from": 10, "to": 30, "factor": 1.5}, (10, 15, 22)),
        ({"from": 1, "to": 100, "count": 3}, (1, 10, 100)),
        ({"from": 1, "to": 4, "count": 9}, (1, 2, 3, 4)),
        ({"from": 0.5, "to": 2, "count": 3}, (0.5, 1.0, 2)),
        ({"from": 5, "to": 5, "step": 1}, (5,)),
    ],
)
def test_by_hand(given: object, values: tuple[object, ...]) -> None:
    result = axis_values(given, "here")
    assert result == pytest.approx(values) if isinstance(values[0], float) else result == values


def test_equal_numbers_of_different_kinds_are_different_values() -> None:
    assert [type(value) for value in axis_values([1, 1.0, True], "here")] == [int, float, bool]


@given(st.integers(1, 10_000), st.integers(0, 10_000), st.integers(2, 50))
def test_a_range_stays_within_its_ends(first: int, more: int, count: int) -> None:
    last = first + more
    for by in ({"step": count}, {"factor": count}, {"count": count}):
        values = axis_values({"from": first, "to": last, **by}, "here")
        assert values[0] == first
        assert all(isinstance(value, int) and first <= value <= last for value in values)
        assert list(values) == sorted(set(values))
    assert axis_values({"from": first, "to": last, "count": count}, "here")[-1] == last
    assert axis_values({"from": first, "to": last, "step": count}, "here") == tuple(
        range(first, last + 1, count)
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (3, "neither a list nor a range"),
        ([], "has no values"),
        ({}, "one of step, factor, count"),
        ({"from": 1, "to": 2}, "one of step, factor, count"),
        ({"from": 1, "to": 2, "step": 1, "count": 3}, "one of step, factor, count"),
        ({"from": 1, "to": 2, "by": 1}, "one of step, factor, count"),
        ({"from": 2, "to": 1, "step": 1}, "backwards"),
        ({"from": 1, "to": 2, "step": 0}, "greater than 0"),
        ({"from": 1, "to": 2, "factor": 1}, "greater than 1"),
        ({"from": 0, "to": 2, "factor": 2}, "above 0"),
        ({"from": 1, "to": 2, "count": 1}, "at least 2"),
        ({"from": 1, "to": 2, "count": 2.5}, "at least 2"),
        ({"from": "a", "to": 2, "step": 1}, "not a number"),
        ({"from": True, "to": 2, "step": 1}, "not a number"),
        ({"from": 0, "to": float("inf"), "step": 1}, "not a number"),
        ({"from": 0, "to": 1e12, "step": 1}, f"at most {MAX_VALUES}"),
        ({"from": 1, "to": 1e12, "factor": 1.0000001}, f"at most {MAX_VALUES}"),
        ({"from": 1, "to": 2, "count": 10**9}, f"at most {MAX_VALUES}"),
    ],
)
def test_refused(given: object, said: str) -> None:
    with pytest.raises(AccelsimError, match=r"\Ahere") as caught:
        axis_values(given, "here")
    assert said in str(caught.value)
