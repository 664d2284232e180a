"""Figure 2's problem: its expected loss, its gradient and the estimates of it, against sums over a fine grid."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from accelsim.errors import AccelsimError
from models.nit.trajectories import RANGE, TwoParameters, two_clouds

PROBLEM = TwoParameters(
    torch.tensor([[0.5, -1.0], [2.0, 0.3], [-1.0, 0.0]]).double(),
    torch.tensor([1.0, -1.0, -1.0]).double(),
    0.7,
)
THETA = torch.tensor([0.8, -0.4], dtype=torch.float64)
EPSILON = np.arange(-9.0, 9.0, 1e-4) + 0.5e-4
DENSITY = np.exp(-(EPSILON**2) / 2.0) / np.sqrt(2.0 * np.pi) * 1e-4


def _losses(theta: Tensor) -> np.ndarray:
    """Of each point at every epsilon of the grid, (3, grid)."""
    v = (PROBLEM.x @ theta).numpy()[:, None] + PROBLEM.sigma * EPSILON
    return np.logaddexp(0.0, -PROBLEM.sides.numpy()[:, None] * v)


def test_expected_loss_is_the_integral_over_the_noise() -> None:
    thetas = torch.tensor([[0.8, -0.4], [0.0, 0.0], [-5.0, 6.0]], dtype=torch.float64)
    wanted = [(_losses(theta) @ DENSITY).mean() for theta in thetas]
    np.testing.assert_allclose(PROBLEM.expected_loss(thetas).numpy(), wanted, atol=2e-6)
    assert PROBLEM.expected_loss(thetas[:, None]).shape == (3, 1)


def test_gradient_is_that_of_the_integral() -> None:
    slopes = []
    for axis in torch.eye(2, dtype=torch.float64):
        above, below = ((_losses(THETA + side * 1e-4 * axis) @ DENSITY).mean() for side in (1, -1))
        slopes.append((above - below) / 2e-4)
    np.testing.assert_allclose(PROBLEM.gradient(THETA).numpy(), slopes, atol=2e-6)


@pytest.mark.parametrize("rule", ["exact", "sign"])
def test_estimates_have_the_expectation_of_their_rule(rule: str) -> None:
    generator = torch.Generator().manual_seed(1)
    draws = torch.stack([PROBLEM.estimate(THETA, rule, 50, generator) for _ in range(2000)])
    if rule == "exact":
        truth = PROBLEM.gradient(THETA)
    else:
        # sign(x epsilon) is sign(x) sign(epsilon), and +1 where x is 0.
        losses, signs = _losses(THETA), np.sign(PROBLEM.x.numpy())
        by_point = signs * ((losses * np.sign(EPSILON)) @ DENSITY)[:, None]
        truth = torch.from_numpy(np.where(signs == 0, (losses @ DENSITY)[:, None], by_point).mean(axis=0))
    errors = draws.std(dim=0) / len(draws) ** 0.5
    assert ((draws.mean(dim=0) - truth).abs() < 4.5 * errors).all()
    assert (errors < 0.02).all()


def test_trajectories_do_what_the_figure_shows() -> None:
    """Backpropagation descends to the minimum; more copies stay nearer to it; all stay in the compact set."""
    problem = two_clouds(40, seed=1)
    start = torch.tensor([-1.5, 2.5])
    paths = {
        (rule, copies): problem.descend(start, rule, copies=copies, steps=400, rate=0.3, seed=2)
        for rule, copies in (("backpropagation", 1), ("exact", 1), ("exact", 10), ("exact", 100))
    }
    straight = paths["backpropagation", 1]
    assert straight.shape == (401, 2) and torch.equal(straight[0], start.double())
    assert (problem.expected_loss(straight).diff() < 0).all()
    assert problem.gradient(straight[-1]).norm() < 1e-2
    away = [(paths["exact", copies] - straight).norm(dim=1).mean() for copies in (1, 10, 100)]
    assert away[0] > 1.5 * away[1] > 2.0 * away[2]
    far = problem.descend(start, "exact", copies=1, steps=20, rate=1e3)
    assert far.abs().max() == RANGE


def test_a_seed_decides_a_trajectory() -> None:
    problem = two_clouds(10)
    ways = [problem.descend(THETA, "sign", copies=2, steps=5, rate=0.1, seed=seed) for seed in (3, 3, 4)]
    assert torch.equal(ways[0], ways[1]) and not torch.equal(ways[0], ways[2])


@pytest.mark.parametrize(
    ("points", "sides", "sigma", "message"),
    [
        ((3, 3), (3,), 1.0, r"points: \(3, 3\)"),
        ((3, 2), (2,), 1.0, "points"),
        ((3, 2), (3,), 0.0, "sigma: 0.0"),
    ],
)
def test_refuses_other_problems(
    points: tuple[int, ...], sides: tuple[int, ...], sigma: float, message: str
) -> None:
    with pytest.raises(AccelsimError, match=message):
        TwoParameters(torch.zeros(points), torch.ones(sides), sigma)
