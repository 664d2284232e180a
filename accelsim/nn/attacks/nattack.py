"""NAttack (Li et al. 2019): black box, a normal distribution of perturbations that learns from losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from accelsim.interrupt import stop_if_pressed
from accelsim.nn.attacks.attack import LinfAttack, Prefix
from accelsim.nn.attacks.registry import register
from accelsim.nn.attacks.target import Target


@register("nattack")
@register("nattack-pixels", space="pixels")
@dataclass(frozen=True, kw_only=True)
class NAttack(LinfAttack):
    """Moves the mean of a normal distribution of perturbations towards larger losses.

    Each of `queries` rounds asks for the losses of `samples` draws, standardizes them and steps `rate` along their mean
    times epsilon.

    Attributes:
        queries: Rounds.
        samples: Draws per round, the same ones for every image.
        spread: Standard deviation of the distribution.
        rate: Step size.
        space: Where the distribution lies. `tanh`, as published: a perturbed image is
            (tanh(mean + spread * epsilon) + 1) / 2, then bounded to the ball of eps; a pixel that is black or white lies
            where tanh is flat and hardly moves. `pixels`: it is the image plus mean + spread * epsilon, bounded to the
            ball and to [0, 1].
    """

    queries: int = 50
    samples: int = 100
    spread: float = 0.1
    rate: float = 0.02
    space: Literal["tanh", "pixels"] = "tanh"
    needs_gradient: ClassVar[bool] = False
    is_random: ClassVar[bool] = True
    prefixes: ClassVar[tuple[Prefix, ...]] = ("eot",)

    def perturb(self, target: Target, x: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Return the attacked images, shaped as x (N, ...)."""
        inside = (x * 2.0 - 1.0).clamp(-1.0 + 1e-6, 1.0 - 1e-6)
        mean = torch.atanh(inside) if self.space == "tanh" else torch.zeros_like(x)
        for _ in range(self.queries):
            stop_if_pressed()
            # One draw for all images: each sees independent samples, and drawing is half of the work.
            noise = torch.randn(self.samples, 1, *x.shape[1:], generator=generator).to(x.device)
            tried = self._bounded(mean + self.spread * noise, x).flatten(0, 1)
            losses = target.losses(tried, labels.repeat(self.samples)).reshape(self.samples, len(x))
            spreads = losses.std(dim=0, keepdim=True).clamp_min(1e-7)
            standard = (losses - losses.mean(dim=0, keepdim=True)) / spreads
            ascent = (standard.T @ noise[:, 0].flatten(1)).reshape(x.shape)
            mean = mean + self.rate / (self.samples * self.spread) * ascent
        return self._bounded(mean, x)

    def _bounded(self, at: Tensor, x: Tensor) -> Tensor:
        moved = (torch.tanh(at) + 1.0) / 2.0 - x if self.space == "tanh" else at
        return (x + moved.clamp(-self.eps, self.eps)).clamp(0.0, 1.0)
