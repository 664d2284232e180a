"""Projections and the errors of inner products, against loops and against expectations that are enumerated whole."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import AccelsimError
from models.random_projection import (
    KINDS,
    failure_bound,
    predicted_rms,
    projection,
    relative_errors,
    sufficient_k,
)


def vectors(seed: int, rows: int, d: int) -> torch.Tensor:
    # Like activations: many zeros, a few large values.
    drawn = torch.randn(rows, d, generator=torch.Generator().manual_seed(seed))
    return drawn.clamp(min=0) ** 2 + (0.1 if d < 8 else 0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_entries_have_mean_0_and_moments_of_a_normal_one_of_variance_1_over_k(kind: str) -> None:
    k, d = 300, 3000
    scaled = projection(kind, k, d, seed=1).double() * math.sqrt(k)
    # Standard errors of the three means are 0.001, 0.0015 and below 0.011.
    assert abs(scaled.mean().item()) < 0.005
    assert scaled.square().mean().item() == pytest.approx(1, abs=0.008)
    assert scaled.pow(4).mean().item() == pytest.approx(3, abs=0.055)


@pytest.mark.parametrize("kind", KINDS)
def test_errors_are_those_of_a_loop_over_pairs(kind: str) -> None:
    x, w, p = vectors(1, 4, 24), vectors(2, 3, 24), projection(kind, 8, 24, seed=5)
    found = relative_errors(x, w, p)
    for i, j in product(range(4), range(3)):
        a, b, m = x[i].double().numpy(), w[j].double().numpy(), p.double().numpy()
        error = (m @ a) @ (m @ b) - a @ b
        assert found[i, j].item() == pytest.approx(error / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-5)


def test_a_vector_of_zeros_has_error_0() -> None:
    assert not relative_errors(torch.zeros(2, 6), vectors(1, 3, 6), projection("gaussian", 4, 6, 0)).any()


@given(seed=st.integers(0, 1000), d=st.integers(1, 5))
def test_predicted_rms_is_the_exact_expectation_over_all_ternary_rows(seed: int, d: int) -> None:
    """For k = 1 there are 3^d matrices P; all of them, by probability. Rows are independent, so k divides the variance."""
    x, w = vectors(seed, 3, d), vectors(seed + 1, 2, d)
    expected = 0.0
    for signs in product((-1, 0, 1), repeat=d):
        probability = math.prod(2 / 3 if sign == 0 else 1 / 6 for sign in signs)
        p = torch.tensor([signs], dtype=torch.float32) * math.sqrt(3)
        expected += probability * relative_errors(x, w, p).double().square().mean().item()
    assert predicted_rms(x, w, 1) == pytest.approx(math.sqrt(expected), rel=1e-4)
    assert predicted_rms(x, w, 100) == pytest.approx(math.sqrt(expected / 100), rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_measured_rms_is_the_predicted_one(kind: str) -> None:
    x, w, k = vectors(3, 40, 200), vectors(4, 30, 200), 32
    squares = [
        relative_errors(x, w, projection(kind, k, 200, seed)).square().mean().item() for seed in range(60)
    ]
    # All pairs share each P, so the draws are what is independent: 60 of them give 4 % at twice the standard error.
    assert math.sqrt(np.mean(squares)) == pytest.approx(predicted_rms(x, w, k), rel=0.06)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("epsilon", "k"), [(0.5, 64), (0.3, 128), (0.2, 256)])
def test_no_more_pairs_fail_than_the_bound_allows(kind: str, epsilon: float, k: int) -> None:
    x, w = vectors(3, 40, 300), vectors(4, 30, 300)
    beyond = [relative_errors(x, w, projection(kind, k, 300, seed)).abs() > epsilon for seed in range(20)]
    assert torch.stack(beyond).double().mean().item() <= failure_bound(epsilon, k) < 1


def test_the_bound_in_figures() -> None:
    assert failure_bound(0.5, 8) == 1.0
    assert failure_bound(0.5, 480) == pytest.approx(4 * math.exp(-20))  # 480 / 2 x (1/8 - 1/24)


@given(epsilon=st.floats(0.05, 1), pairs=st.integers(1, 10**6), failure=st.floats(0.01, 1))
def test_sufficient_k_is_the_least_that_suffices(epsilon: float, pairs: int, failure: float) -> None:
    k = sufficient_k(epsilon, pairs, failure)
    assert pairs * failure_bound(epsilon, k) <= failure * (1 + 1e-9)
    assert pairs * failure_bound(epsilon, k - 1) > failure * (1 - 1e-9)


@pytest.mark.parametrize(
    ("kind", "k", "d", "seed", "said"),
    [
        ("sparse", 4, 4, 0, "kind is 'sparse', must be gaussian or ternary"),
        ("gaussian", 0, 4, 0, "0 x 4, both must be at least 1"),
        ("gaussian", 4, 4, -1, "seed"),
    ],
)
def test_refused(kind: str, k: int, d: int, seed: int, said: str) -> None:
    with pytest.raises(AccelsimError, match=said):
        projection(kind, k, d, seed)
