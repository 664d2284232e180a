"""Attacks along the sign of a gradient, on images in [0, 1] of any shape, bounded in the largest pixel change.

An attack takes `gradient`, any estimate of d loss / d x: by surrogate or straight-through derivatives, by
likelihood ratios, of one draw of the noise or the mean of many (expectation over transformation, EOT).

FGSM: Goodfellow et al. 2015. BIM: Kurakin et al. 2016. PGD: Madry et al. 2018. MIFGSM, or MIM: Dong et al. 2018.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Gradient = Callable[[Tensor, Tensor], Tensor]
"""(images (N, ...), labels (N,)) to an estimate of d loss / d images, the same shape as images."""


@dataclass(frozen=True)
class Budget:
    """Largest change of a pixel, step size, steps and momentum; by default those of the NIT paper."""

    eps: float = 0.1
    step: float = 0.01
    steps: int = 15
    momentum: float = 0.9


def fgsm(gradient: Gradient, x: Tensor, labels: Tensor, budget: Budget) -> Tensor:
    """One step of eps along the gradient's sign."""
    return (x + budget.eps * gradient(x, labels).sign()).clamp(0.0, 1.0)


def bim(gradient: Gradient, x: Tensor, labels: Tensor, budget: Budget) -> Tensor:
    """Steps along the sign, from the image."""
    return iterate(x, x, budget, lambda at: gradient(at, labels).sign())


def pgd(gradient: Gradient, x: Tensor, labels: Tensor, budget: Budget, generator: torch.Generator) -> Tensor:
    """Steps along the sign, from a uniform draw of the ball; `generator` is of the CPU, wherever x lies."""
    shift = torch.rand(x.shape, generator=generator).to(x.device) * 2.0 - 1.0
    start = (x + budget.eps * shift).clamp(0.0, 1.0)
    return iterate(x, start, budget, lambda at: gradient(at, labels).sign())


def mim(gradient: Gradient, x: Tensor, labels: Tensor, budget: Budget) -> Tensor:
    """Steps along the sign of a running mean of gradients, each scaled to an L1 norm of 1."""
    running = torch.zeros_like(x)

    def direction(at: Tensor) -> Tensor:
        nonlocal running
        fresh = gradient(at, labels)
        # The paper divides by the sum of magnitudes, torchattacks by their mean: the sign is the same.
        size = fresh.flatten(1).abs().mean(dim=1).clamp_min(1e-12)
        running = budget.momentum * running + fresh / size.reshape(-1, *[1] * (fresh.ndim - 1))
        return running.sign()

    return iterate(x, x, budget, direction)


def iterate(x: Tensor, start: Tensor, budget: Budget, direction: Callable[[Tensor], Tensor]) -> Tensor:
    """Steps along `direction`, each brought back to the ball of eps around x and to [0, 1]."""
    at = start
    for _ in range(budget.steps):
        at = at + budget.step * direction(at)
        at = (x + (at - x).clamp(-budget.eps, budget.eps)).clamp(0.0, 1.0)
    return at
