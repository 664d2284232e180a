"""Draws of factors, and ratios priced with them."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.energy.spread import Spread, ratios
from accelsim.errors import AccelsimError


def test_joint_draws_stay_in_range_and_repeat() -> None:
    spread = Spread(by=0.3, draws=4000, seed=7)
    factors = spread.joint(5)
    assert factors.shape == (5, 4000)
    assert 0.7 <= factors.min() < 0.702 and 1.298 < factors.max() <= 1.3
    # Uniform: standard deviation 0.6 / sqrt(12), mean within 5 standard errors of 1; constants independent.
    assert np.all(np.abs(factors.mean(axis=1) - 1) < 5 * 0.6 / np.sqrt(12 * 4000))
    assert np.allclose(factors.std(axis=1), 0.6 / np.sqrt(12), rtol=0.05)
    assert np.abs(np.corrcoef(factors) - np.eye(5)).max() < 0.08
    assert np.array_equal(factors, Spread(by=0.3, draws=4000, seed=7).joint(5))
    assert not np.array_equal(factors, Spread(by=0.3, draws=4000, seed=8).joint(5))


def test_one_at_a_time() -> None:
    groups = np.array([[True, False], [False, True], [True, True]])
    factors = Spread(by=0.25).one_at_a_time(groups)
    assert factors.T.tolist() == [[0.75, 1], [1, 0.75], [0.75, 0.75], [1.25, 1], [1, 1.25], [1.25, 1.25]]


def test_ratios_by_hand() -> None:
    parts = np.array([[6.0, 2.0], [3.0, 3.0]])  # the baseline, and another row
    factors = np.array([[1.0, 0.5, 1.0], [1.0, 1.0, 2.0]])
    found = ratios(parts, np.array([0, 0]), factors)
    assert found.tolist() == [[1, 1, 1], [6 / 8, 4.5 / 5, 9 / 10]]
    second = ratios(parts, np.array([0, 0]), factors, of=parts * np.array([False, True]))
    assert second.tolist() == [[2 / 8, 2 / 5, 4 / 10], [3 / 8, 3 / 5, 6 / 10]]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"by": 0.0}, "spread of 0"),
        ({"by": 1.0}, "between 0 and 1"),
        ({"by": float("nan")}, "spread of nan"),
        ({"draws": 0}, "0 draws"),
        ({"draws": 10**7}, "1 to 1000000"),
        ({"seed": -1}, "seed -1"),
    ],
)
def test_bad_spreads_are_refused(wrong: dict[str, float], words: str) -> None:
    with pytest.raises(AccelsimError, match=words):
        Spread(**wrong)  # type: ignore[arg-type]
