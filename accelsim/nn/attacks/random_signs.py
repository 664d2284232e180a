"""Every pixel moved up or down by eps at random: what an attack must beat to be one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from accelsim.nn.attacks.attack import LinfAttack, Prefix
from accelsim.nn.attacks.registry import register
from accelsim.nn.attacks.target import Target


@register("random-signs")
@dataclass(frozen=True, kw_only=True)
class RandomSigns(LinfAttack):
    """Moves every pixel by +eps or -eps at random; asks the network nothing."""

    needs_gradient: ClassVar[bool] = False
    is_random: ClassVar[bool] = True
    prefixes: ClassVar[tuple[Prefix, ...]] = ()

    def perturb(self, target: Target, x: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Return the attacked images, shaped as x (N, ...)."""
        signs = (torch.randint(0, 2, x.shape, generator=generator) * 2.0 - 1.0).to(x.device)
        return (x + self.eps * signs).clamp(0.0, 1.0)
