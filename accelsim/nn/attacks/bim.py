"""The basic iterative method (Kurakin et al. 2016)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from accelsim.nn.attacks.attack import IteratedAttack
from accelsim.nn.attacks.registry import register
from accelsim.nn.attacks.target import Target


@register("bim{steps}")
@dataclass(frozen=True, kw_only=True)
class BIM(IteratedAttack):
    """Steps along the gradient's sign, from the image."""

    def perturb(self, target: Target, x: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Return the attacked images, shaped as x (N, ...)."""
        return self.steps_along(lambda at: target.finite_gradient(at, labels).sign(), x, x)
