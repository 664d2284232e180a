"""The attacks of the NIT paper (section 4.1) on flat images in [0, 1], bounded in the largest pixel change.

An attack takes `gradient`, any estimate of d loss / d x: by surrogate derivatives, by likelihood ratios, one
draw of the noise or the mean of many (expectation over transformation, EOT). NAttack takes losses alone.

FGSM: Goodfellow et al. 2015. BIM: Kurakin et al. 2016. PGD: Madry et al. 2018. MIM: Dong et al. 2018.
DIM: Xie et al. 2019. TIM: Dong et al. 2019. NAttack: Li et al. 2019.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Gradient = Callable[[Tensor, Tensor], Tensor]
"""(images (N, pixels), labels (N,)) to an estimate of d loss / d images, the same shape as images."""

Loss = Callable[[Tensor, Tensor], Tensor]
"""(images (N, pixels), labels (N,)) to losses (N,)."""


@dataclass(frozen=True)
class Budget:
    """Largest change of a pixel, step size, steps and momentum: the paper's values."""

    eps: float = 0.1
    step: float = 0.01
    steps: int = 15
    momentum: float = 0.9


def fgsm(gradient: Gradient, x: Tensor, labels: Tensor, budget: Budget) -> Tensor:
    """One step of eps along the gradient's sign."""
    return (x + budget.eps * gradient(x, labels).sign()).clamp(0.0, 1.0)


def bim(gradient: Gradient, x: Tensor, labels: Tensor, budget: Budget) -> Tensor:
    """Steps along the sign, from the image."""
    return _iterate(x, x, budget, lambda at: gradient(at, labels).sign())


def pgd(gradient: Gradient, x: Tensor, labels: Tensor, budget: Budget, generator: torch.Generator) -> Tensor:
    """Steps along the sign, from a uniform draw of the ball."""
    shift = torch.rand(x.shape, generator=generator) * 2.0 - 1.0
    start = (x + budget.eps * shift).clamp(0.0, 1.0)
    return _iterate(x, start, budget, lambda at: gradient(at, labels).sign())


def mim(gradient: Gradient, x: Tensor, labels: Tensor, budget: Budget) -> Tensor:
    """Steps along the sign of a running mean of gradients, each scaled to an L1 norm of 1."""
    return _with_momentum(gradient, x, labels, budget)


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

    return _with_momentum(diverse, x, labels, budget)


def tim(gradient: Gradient, x: Tensor, labels: Tensor, budget: Budget) -> Tensor:
    """MIM with the gradient smoothed by a 7 x 7 Gaussian kernel of standard deviation 3."""
    offsets = torch.arange(-3.0, 4.0)
    bell = torch.exp(-offsets.square() / (2.0 * 3.0**2))
    kernel = (torch.outer(bell, bell) / bell.sum() ** 2).to(x.dtype)

    def smooth(at: Tensor, labels: Tensor) -> Tensor:
        side = round(at.shape[1] ** 0.5)
        image = gradient(at, labels).reshape(-1, 1, side, side)
        return F.conv2d(image, kernel[None, None], padding=3).flatten(1)

    return _with_momentum(smooth, x, labels, budget)


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
) -> Tensor:
    """Black box: moves the mean of a normal distribution of perturbations towards larger losses.

    The distribution lives in tanh space, as in the published method: a perturbed image is
    (tanh(mean + spread * epsilon) + 1) / 2, then bounded to the ball of eps. Each of `queries` rounds asks
    for the losses of `samples` draws, standardizes them and steps `rate` along their mean times epsilon.
    """
    inside = (x * 2.0 - 1.0).clamp(-1.0 + 1e-6, 1.0 - 1e-6)
    mean = torch.atanh(inside)

    def bounded(at: Tensor, centre: Tensor) -> Tensor:
        return centre + ((torch.tanh(at) + 1.0) / 2.0 - centre).clamp(-budget.eps, budget.eps)

    for _ in range(queries):
        # One draw for all images: each sees independent samples, and drawing is half of the work.
        noise = torch.randn(samples, 1, x.shape[1], generator=generator)
        tried = bounded(mean + spread * noise, x).flatten(0, 1)
        losses = loss(tried, labels.repeat(samples)).reshape(samples, len(x))
        spreads = losses.std(dim=0, keepdim=True).clamp_min(1e-7)
        standard = (losses - losses.mean(dim=0, keepdim=True)) / spreads
        mean = mean + rate / (samples * spread) * (standard.T @ noise[:, 0])
    return bounded(mean, x).clamp(0.0, 1.0)


def _iterate(x: Tensor, start: Tensor, budget: Budget, direction: Callable[[Tensor], Tensor]) -> Tensor:
    at = start
    for _ in range(budget.steps):
        at = at + budget.step * direction(at)
        at = (x + (at - x).clamp(-budget.eps, budget.eps)).clamp(0.0, 1.0)
    return at


def _with_momentum(gradient: Gradient, x: Tensor, labels: Tensor, budget: Budget) -> Tensor:
    running = torch.zeros_like(x)

    def direction(at: Tensor) -> Tensor:
        nonlocal running
        fresh = gradient(at, labels)
        # torchattacks divides by the mean, the paper by the sum of magnitudes: the sign is the same.
        running = budget.momentum * running + fresh / fresh.abs().mean(dim=1, keepdim=True).clamp_min(1e-12)
        return running.sign()

    return _iterate(x, x, budget, direction)
