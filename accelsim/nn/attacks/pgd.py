"""Projected gradient descent (Madry et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from accelsim.nn.attacks.attack import IteratedAttack, per_image
from accelsim.nn.attacks.registry import register
from accelsim.nn.attacks.target import LossName, Target


@register("pgd{steps}")
@register("pgd{steps}-r{restarts}")
@register("pgd{steps}-margin", loss="margin")
@register("pgd{steps}-margin-r{restarts}", loss="margin")
@dataclass(frozen=True, kw_only=True)
class PGD(IteratedAttack):
    """Steps along the gradient's sign, from a uniform draw of the ball.

    Attributes:
        restarts: Random starts, of which the one that reaches the largest margin counts.
        loss: What the steps ascend; `margin` is the loss of Carlini and Wagner.
    """

    restarts: int = 1
    loss: LossName = "cross-entropy"
    is_random: ClassVar[bool] = True
    most: ClassVar[dict[str, int]] = {"steps": 100_000, "restarts": 1_000}

    def perturb(self, target: Target, x: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Return the attacked images, shaped as x (N, ...)."""
        best = self._from_random_start(target, x, labels, generator)
        if self.restarts == 1:
            return best
        reached = target.margins(best, labels)
        for _ in range(self.restarts - 1):
            tried = self._from_random_start(target, x, labels, generator)
            got = target.margins(tried, labels)
            better = got > reached
            best = torch.where(per_image(better, x), tried, best)
            reached = torch.where(better, got, reached)
        return best

    def _from_random_start(
        self, target: Target, x: Tensor, labels: Tensor, generator: torch.Generator
    ) -> Tensor:
        shift = torch.rand(x.shape, generator=generator).to(x.device) * 2.0 - 1.0
        start = (x + self.eps * shift).clamp(0.0, 1.0)
        return self.steps_along(lambda at: target.finite_gradient(at, labels, self.loss).sign(), x, start)
