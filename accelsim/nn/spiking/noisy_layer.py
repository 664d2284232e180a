"""A fully connected layer with noise of its own level at every neuron, and what an estimator needs of a pass."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError


class NoisyLayer(nn.Module):
    """v = theta x + bias + sigma * epsilon, epsilon standard normal (NIT paper, section 3.1).

    Parameters: `weight` (out, in), `bias` (out,), `sigma` (out,), float32.
    """

    def __init__(self, inputs: int, outputs: int, sigma: float, generator: torch.Generator) -> None:
        super().__init__()
        # Uniform of variance 2 / inputs (He et al. 2015): an image then reaches the thresholds of some neurons.
        bound = math.sqrt(6.0 / inputs)
        weight = torch.rand(outputs, inputs, generator=generator) * 2.0 - 1.0
        self.weight = nn.Parameter(weight * bound)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.sigma = nn.Parameter(torch.full((outputs,), float(sigma)))

    def mean(self, x: Tensor) -> Tensor:
        """theta x + bias: (..., in) to (..., out)."""
        return nn.functional.linear(x, self.weight, self.bias)


@dataclass(frozen=True)
class Record:
    """What one layer saw in a pass over N inputs with C replications and T steps (T = 1 without time).

    inputs: (T or 1, N, C or 1, in); 1 where they are the same for all steps or replications.
    noise: epsilon, (T, N, C, out).
    """

    inputs: Tensor
    noise: Tensor


@dataclass(frozen=True)
class Bounds:
    """The compact set that parameters are projected on (Omega of the paper's Eq. 4), elementwise.

    weight: largest magnitude of weights and biases. sigma_least, sigma_most: range of noise levels;
    above 0, because the estimator divides by sigma.
    """

    weight: float = 5.0
    sigma_least: float = 0.05
    sigma_most: float = 2.0

    def __post_init__(self) -> None:
        if not self.weight > 0.0:
            raise AccelsimError(f"weight bound: {self.weight}, must be above 0")
        if not 0.0 < self.sigma_least <= self.sigma_most:
            raise AccelsimError(
                f"sigma bounds: {self.sigma_least} to {self.sigma_most}, must be above 0 and in order"
            )

    @torch.no_grad()
    def project(self, layers: list[NoisyLayer]) -> None:
        """Move every parameter to the nearest point of the set, in place."""
        for layer in layers:
            layer.weight.clamp_(-self.weight, self.weight)
            layer.bias.clamp_(-self.weight, self.weight)
            layer.sigma.clamp_(self.sigma_least, self.sigma_most)


def draw_noise(
    steps: int, rows: int, replications: int, outputs: int, generator: torch.Generator, antithetic: bool
) -> Tensor:
    """Standard normal noise (steps, rows, replications, outputs).

    antithetic: the second half of the replications is the negative of the first; replications even.
    """
    if not antithetic:
        return torch.randn(steps, rows, replications, outputs, generator=generator)
    half = torch.randn(steps, rows, replications // 2, outputs, generator=generator)
    return torch.cat([half, -half], dim=2)
