"""The momentum iterative method (MIFGSM, or MIM: Dong et al. 2018), and what its variants share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from accelsim.nn.attacks.attack import IteratedAttack, per_image
from accelsim.nn.attacks.registry import register
from accelsim.nn.attacks.target import Target


@register("mifgsm")
@dataclass(frozen=True, kw_only=True)
class MIFGSM(IteratedAttack):
    """Steps along the sign of a running sum of gradients, each scaled to an L1 norm of 1.

    Attributes:
        momentum: What is kept of the running sum per step.
    """

    steps: int = 5
    momentum: float = 1.0

    def perturb(self, target: Target, x: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Return the attacked images, shaped as x (N, ...)."""
        return self.with_momentum(lambda at: target.finite_gradient(at, labels), x)

    def with_momentum(self, gradient: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """Return the attacked images for a gradient of one's own."""
        running = torch.zeros_like(x)

        def direction(at: Tensor) -> Tensor:
            nonlocal running
            fresh = gradient(at)
            # The paper divides by the sum of magnitudes, torchattacks by their mean: the sign is the same.
            size = fresh.flatten(1).abs().mean(dim=1).clamp_min(1e-12)
            running = self.momentum * running + fresh / per_image(size, fresh)
            return running.sign()

        return self.steps_along(direction, x, x)


def as_planes(images: Tensor) -> Tensor:
    """Return images as (N, channels, h, w); flat ones (N, pixels) are taken for square and of one channel."""
    if images.ndim == 4:
        return images
    side = round(images.shape[1] ** 0.5)
    return images.reshape(-1, 1, side, side)
