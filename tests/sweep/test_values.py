"""Lists and ranges of an axis."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.errors import AccelsimError
from accelsim.inputs import MAX_IMAGE, image_slice
from accelsim.sweep.axis_values import MAX_VALUES, axis_values, listed_values


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


NUMBERS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(min_value=0, max_value=1e15),
    st.floats(min_value=0, max_value=1e-300),
    st.integers(-(10**16), 10**16),
    st.sampled_from([5e-324, 2.2250738585072014e-308, 1e-300, 1e15, 10**15, 1.0000000000000002, 1, 2]),
)


@settings(deadline=None, max_examples=300)
@given(first=NUMBERS, last=NUMBERS, how=st.sampled_from(["step", "factor", "count"]), by=NUMBERS)
def test_any_range_is_expanded_or_refused(first: float, last: float, how: str, by: float) -> None:
    try:
        values = listed_values({"from": first, "to": last, how: by}, "axes.x")
    except AccelsimError as refused:
        assert str(refused).startswith("axes.x") and "\n" not in str(refused)
        return
    assert 1 <= len(values) <= MAX_VALUES
    assert all(isinstance(value, int | float) and math.isfinite(value) for value in values)
    assert values[0] == first
    assert all(low <= high for low, high in pairwise(values))
    # The last may be beyond `to` by the share that forgives 0.3 / 0.1, and by rounding.
    assert values[-1] <= last + 1e-6 * max(abs(last), abs(first))


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ({"from": 1e-300, "to": 1e15, "factor": 2}, 1047),
        ({"from": 1e-300, "to": 1e15, "factor": 2.0}, 1047),
        ({"from": 5e-324, "to": 1e15, "factor": 1e15}, 23),
        ({"from": 5e-324, "to": 1e15, "count": 5}, 5),
    ],
)
def test_ranges_whose_ratio_overflows(given: dict[str, float], count: int) -> None:
    values = listed_values(given, "x")
    assert len(values) == count and values[0] == given["from"]
    ratios = [math.log(float(high)) - math.log(float(low)) for low, high in pairwise(values)]
    wanted = math.log(given["factor"]) if "factor" in given else (math.log(1e15) - math.log(5e-324)) / 4
    assert all(ratio == pytest.approx(wanted, rel=1e-9) for ratio in ratios)


@pytest.mark.parametrize("step", [1e-320, 5e-324, 1e-300, 1e-12])
def test_steps_of_which_there_are_too_many(step: float) -> None:
    with pytest.raises(AccelsimError, match=f"x: has too many values; at most {MAX_VALUES}"):
        listed_values({"from": 1, "to": 2, "step": step}, "x")


@settings(deadline=None)
@given(first=st.integers(0, 10**40), more=st.integers(1, 10**40))
def test_any_range_of_images_is_small_or_refused(first: int, more: int) -> None:
    try:
        found = image_slice(f"{first}:{first + more}")
    except AccelsimError as refused:
        assert first + more > MAX_IMAGE and "\n" not in str(refused)
    else:
        assert found == slice(first, first + more) and first + more <= MAX_IMAGE
