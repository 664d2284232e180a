"""The attacks of the NIT paper (section 4.1) on flat images in [0, 1], bounded in the largest pixel change.

Those along the sign of a gradient are accelsim.nn.attacks.linf's; here are the ones that bend the gradient first, for
square images of one channel, and NAttack, which takes losses alone.

DIM: Xie et al. 2019. TIM: Dong et al. 2019. NAttack: Li et al. 2019.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from accelsim.interrupt import stop_if_pressed
from accelsim.nn.attacks.linf import Budget, Gradient, bim, fgsm, mim, pgd

__all__ = ["Budget", "Gradient", "Loss", "Space", "bim", "dim", "fgsm", "mim", "nattack", "pgd", "tim"]

Loss = Callable[[Tensor, Tensor], Tensor]
"""(images (N, pixels), labels (N,)) to losses (N,)."""

Space = Literal["tanh", "pixels"]
"""Where NAttack's normal distribution lies."""


def dim(gradient: Gradient, x: Tensor, labels: Tensor, budget: Budget, generator: torch.Generator) -> Tensor:
    """MIM with the gradient taken at a randomly shrunk and padded image, with probability 0.5 each step."""

    def diverse(at: Tensor, labels: Tensor) -> Tensor:
        if torch.rand((), generator=generator) >= 0.5:
            return gradient(at, labels)
        side = round(at.shape[1] ** 0.5)
        small = int(torch.randint(round(0.9 * side), side, (), generator=generator))
        top, left = (int(torch.randint(0, side - small + 1, (), generator=generator)) for _ in range(2))
        with torch.enable_grad():
            source = at.detach().requires_grad_()
            shrunk = F.interpolate(source.reshape(-1, 1, side, side), size=(small, small), mode="nearest")
            padded = F.pad(shrunk, (left, side - small - left, top, side - small - top)).flatten(1)
        (back,) = torch.autograd.grad(padded, source, gradient(padded.detach(), labels))
        return back

    return mim(diverse, x, labels, budget)


def tim(gradient: Gradient, x: Tensor, labels: Tensor, budget: Budget) -> Tensor:
    """MIM with the gradient smoothed by `tim_kernel`."""
    kernel = tim_kernel().to(x)

    def smooth(at: Tensor, labels: Tensor) -> Tensor:
        side = round(at.shape[1] ** 0.5)
        image = gradient(at, labels).reshape(-1, 1, side, side)
        return F.conv2d(image, kernel[None, None], padding=3).flatten(1)

    return mim(smooth, x, labels, budget)


def tim_kernel() -> Tensor:
    """TIM's normal kernel, 7 x 7, of sum 1: (7, 7) float64.

    As its authors' code has it, the kernel ends at three standard deviations: one pixel each for 7 x 7.
    """
    bell = torch.exp(-torch.linspace(-3.0, 3.0, 7, dtype=torch.float64).square() / 2.0)
    return torch.outer(bell, bell) / bell.sum() ** 2


def nattack(
    loss: Loss,
    x: Tensor,
    labels: Tensor,
    budget: Budget,
    generator: torch.Generator,
    *,
    queries: int = 50,
    samples: int = 100,
    spread: float = 0.1,
    rate: float = 0.02,
    space: Space = "tanh",
) -> Tensor:
    """Black box: moves the mean of a normal distribution of perturbations towards larger losses.

    Each of `queries` rounds asks for the losses of `samples` draws, standardizes them and steps `rate` along their
    mean times epsilon. space "tanh", as published: a perturbed image is (tanh(mean + spread * epsilon) + 1) / 2, then
    bounded to the ball of eps. A pixel that is black or white lies where tanh is flat and hardly moves. "pixels": it is
    the image plus mean + spread * epsilon, bounded to the ball and to [0, 1].
    """
    inside = (x * 2.0 - 1.0).clamp(-1.0 + 1e-6, 1.0 - 1e-6)
    mean = torch.atanh(inside) if space == "tanh" else torch.zeros_like(x)

    def bounded(at: Tensor) -> Tensor:
        moved = (torch.tanh(at) + 1.0) / 2.0 - x if space == "tanh" else at
        return (x + moved.clamp(-budget.eps, budget.eps)).clamp(0.0, 1.0)

    for _ in range(queries):
        stop_if_pressed()
        # One draw for all images: each sees independent samples, and drawing is half of the work.
        noise = torch.randn(samples, 1, x.shape[1], generator=generator)
        tried = bounded(mean + spread * noise).flatten(0, 1)
        losses = loss(tried, labels.repeat(samples)).reshape(samples, len(x))
        spreads = losses.std(dim=0, keepdim=True).clamp_min(1e-7)
        standard = (losses - losses.mean(dim=0, keepdim=True)) / spreads
        mean = mean + rate / (samples * spread) * (standard.T @ noise[:, 0])
    return bounded(mean)
