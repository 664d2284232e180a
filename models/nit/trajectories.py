"""Figure 2 of the NIT paper: how backpropagation and the likelihood-ratio estimators move two parameters.

One neuron v = theta x + sigma epsilon with two weights separates points of the plane; its loss is logistic. Noise enters
v alone, so the expected loss is an integral over one normal variable, and its contours and gradient are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from accelsim.errors import AccelsimError
from accelsim.nn.spiking.noisy_layer import NoisyLayer, Record, draw_noise
from models.nit.estimator import lr_gradient

Rule = Literal["backpropagation", "exact", "sign"]
QUADRATURE_NODES = 40
RANGE = 6.0
"""theta is kept within -RANGE to RANGE: the compact set of Eq. 4."""


@dataclass(frozen=True)
class TwoParameters:
    """Points x (N, 2), their sides +1 or -1 (N,), both float64, and the noise level sigma, which is not learned."""

    x: Tensor
    sides: Tensor
    sigma: float = 1.0

    def __post_init__(self) -> None:
        if self.x.dim() != 2 or self.x.shape[1] != 2 or self.sides.shape != self.x.shape[:1]:
            raise AccelsimError(
                f"points: {tuple(self.x.shape)} and {tuple(self.sides.shape)}, must be (N, 2) and (N,)"
            )
        if not self.sigma > 0.0:
            raise AccelsimError(f"sigma: {self.sigma}, must be above 0")

    def expected_loss(self, theta: Tensor) -> Tensor:
        """Mean over the points of E[log(1 + exp(-side v))], by Gauss-Hermite quadrature: theta (..., 2) to (...)."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(QUADRATURE_NODES)
        # hermegauss integrates against exp(-e^2 / 2): the normal density but for its constant.
        density = torch.from_numpy(weights / weights.sum())
        v = (theta @ self.x.T)[..., None] + self.sigma * torch.from_numpy(nodes)
        return (F.softplus(-self.sides[:, None] * v) @ density).mean(dim=-1)

    def descend(
        self, start: Tensor, rule: Rule, *, copies: int, steps: int, rate: float, seed: int = 0
    ) -> Tensor:
        """theta from `start` (2,) on, after each of `steps` steps of size `rate` times the gradient: (steps + 1, 2).

        rule: "backpropagation" takes the gradient of the expected loss; "exact" and "sign" estimate it by Eq. 1 and
        Eq. 3 from `copies` replications of every point, with losses as they are.
        """
        generator = torch.Generator().manual_seed(seed)
        theta = start.to(torch.float64).clone()
        path = [theta.clone()]
        for _ in range(steps):
            gradient = (
                self.gradient(theta)
                if rule == "backpropagation"
                else self.estimate(theta, rule, copies, generator)
            )
            theta = (theta - rate * gradient).clamp(-RANGE, RANGE)
            path.append(theta.clone())
        return torch.stack(path)

    def gradient(self, theta: Tensor) -> Tensor:
        """Of the expected loss at theta (2,), by autograd: (2,)."""
        at = theta.detach().requires_grad_()
        (back,) = torch.autograd.grad(self.expected_loss(at), at)
        return back

    @torch.no_grad()
    def estimate(
        self, theta: Tensor, rule: Literal["exact", "sign"], copies: int, generator: torch.Generator
    ) -> Tensor:
        """One likelihood-ratio estimate at theta (2,), from `copies` fresh draws for every point: (2,)."""
        layer = NoisyLayer(2, 1, self.sigma, torch.Generator()).double()
        layer.weight.copy_(theta[None])
        inputs = self.x[None, :, None, :]
        noise = draw_noise(1, len(self.x), copies, 1, generator, antithetic=False).double()
        v = layer.mean(inputs) + layer.sigma * noise
        losses = F.softplus(-self.sides[:, None] * v[0, :, :, 0])
        return lr_gradient(layer, Record(inputs, noise), losses, rule).weight[0]


def two_clouds(points: int, seed: int = 0, sigma: float = 1.0) -> TwoParameters:
    """A problem of two overlapping normal clouds about (1, 0.5) and (-1, -0.5), half of the points each."""
    generator = torch.Generator().manual_seed(seed)
    sides = torch.where(torch.arange(points) % 2 == 0, 1.0, -1.0).double()
    centre = torch.tensor([1.0, 0.5], dtype=torch.float64)
    spread = torch.randn(points, 2, generator=generator).double()
    return TwoParameters(sides[:, None] * centre + spread, sides, sigma)
