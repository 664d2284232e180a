"""Scales and rounding of the core's numbers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import AccelsimError
from accelsim.nn.fixed_point.formats import (
    MULTIPLIER_MAX,
    SHIFT_MAX,
    TERM_LIMIT,
    fraction_bits,
    multipliers,
    terms,
    to_values,
    to_words,
)


def half_up(value: Fraction) -> int:
    """Rounding in exact arithmetic."""
    return math.floor(value + Fraction(1, 2))


@given(st.floats(1e-20, 1e20))
def test_most_fraction_bits_that_fit(largest: float) -> None:
    bits = fraction_bits("x", largest)
    assert half_up(Fraction(largest) * Fraction(2) ** bits) <= 32767
    assert half_up(Fraction(largest) * Fraction(2) ** (bits + 1)) > 32767


def test_fraction_bits_at_the_edges() -> None:
    assert fraction_bits("x", 0.0) == 0
    assert fraction_bits("x", 1.0) == 14  # 16,384; 15 bits would need 32,768
    assert fraction_bits("x", 32767.4) == 0 and fraction_bits("x", 32767.5) == -1
    for bad in (math.inf, math.nan, -1.0):
        with pytest.raises(AccelsimError, match="x: the largest magnitude"):
            fraction_bits("x", bad)


def test_words_round_half_up_and_saturate() -> None:
    values = np.array([0.125, -0.125, 0.375, -0.375, 9999.0, -9999.0, 0.0])
    assert to_words(values, 2).tolist() == [1, 0, 2, -1, 32767, -32768, 0]
    assert to_values(np.array([1, -32768], np.int16), 2).tolist() == [0.25, -8192.0]


@given(st.lists(st.floats(1e-9, 60000.0), min_size=1, max_size=5))
def test_multipliers_are_close(scales: list[float]) -> None:
    m, shift = multipliers("y", np.array(scales))
    assert 0 <= shift <= SHIFT_MAX and m.max() <= MULTIPLIER_MAX
    for scale, integer in zip(scales, m.tolist(), strict=True):
        assert integer == half_up(Fraction(scale) * 2**shift)
    if shift < SHIFT_MAX:  # one bit more would not fit
        assert half_up(Fraction(max(scales)) * 2 ** (shift + 1)) > MULTIPLIER_MAX


def test_multipliers_refuse_what_no_register_holds() -> None:
    assert multipliers("y", np.zeros(3))[0].tolist() == [0, 0, 0]
    assert multipliers("y", np.array([65535.0])) == (np.array([65535]), 0)
    for bad in (65536.0, -1.0, math.nan, math.inf):
        with pytest.raises(AccelsimError, match="y: scales up to"):
            multipliers("y", np.array([bad]))


def test_terms_stay_below_their_limit() -> None:
    assert terms("b", np.array([0.5, -0.5, 3.0]), 0).tolist() == [1, 0, 3]
    assert terms("b", np.array([float(TERM_LIMIT - 1)]), 0).tolist() == [TERM_LIMIT - 1]
    for bad in (float(TERM_LIMIT), -float(TERM_LIMIT), math.nan):
        with pytest.raises(AccelsimError, match="b: a bias is too large"):
            terms("b", np.array([bad]), 0)
