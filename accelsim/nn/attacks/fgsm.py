"""The fast gradient sign method (Goodfellow et al. 2015)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from accelsim.nn.attacks.attack import LinfAttack
from accelsim.nn.attacks.registry import register
from accelsim.nn.attacks.target import Target


@register("fgsm")
@dataclass(frozen=True, kw_only=True)
class FGSM(LinfAttack):
    """One step of eps along the gradient's sign."""

    def perturb(self, target: Target, x: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Return the attacked images, shaped as x (N, ...)."""
        return (x + self.eps * target.finite_gradient(x, labels).sign()).clamp(0.0, 1.0)
