"""No attack: the images as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from accelsim.nn.attacks.attack import Attack, Prefix
from accelsim.nn.attacks.registry import register
from accelsim.nn.attacks.target import Target


@register("clean")
@dataclass(frozen=True)
class Clean(Attack):
    """Leaves images as they are: the accuracy under it is the clean accuracy."""

    needs_gradient: ClassVar[bool] = False
    prefixes: ClassVar[tuple[Prefix, ...]] = ()

    @property
    def bound(self) -> float | None:
        """Nothing changes."""
        return 0.0

    def perturb(self, target: Target, x: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Return x."""
        return x
