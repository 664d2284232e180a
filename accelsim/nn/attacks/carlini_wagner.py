"""The L2 attack of Carlini and Wagner (2017) with a fixed trade-off c: smallest change that still misleads.

Minimizes |x' - x|^2 + c * max(right logit - best wrong logit, -confidence) by Adam over w, with x' = (tanh(w) + 1) / 2,
which keeps x' in [0, 1]. What is returned is each image's misclassified x' of least distance, else the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from accelsim.errors import AccelsimError
from accelsim.nn.attacks.attack import Attack, Norm, Prefix, per_image
from accelsim.nn.attacks.registry import register
from accelsim.nn.attacks.target import Target, margins

_EDGE = 1e-6
"""0 and 1 lie at infinity in tanh space; images start this far from them (in units of [-1, 1])."""


@register("cw-l2")
@register("cw-l2-c1", c=1.0)
@dataclass(frozen=True, kw_only=True)
class CarliniWagner(Attack):
    """Smallest change that still misleads, unbounded in the largest pixel change.

    Attributes:
        c: Weight of misleading against distance.
        confidence: Lead, in logits, of a wrong class over the right one that counts as misled.
        lr: Learning rate of Adam.
        steps: Steps of Adam.
    """

    c: float = 1e-4
    confidence: float = 0.0
    lr: float = 0.01
    steps: int = 1000
    norm: ClassVar[Norm | None] = "l2"
    prefixes: ClassVar[tuple[Prefix, ...]] = ("eot", "bpda")

    def perturb(self, target: Target, x: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Return the attacked images, shaped as x (N, ...).

        Raises:
            AccelsimError: The network's gradients are not finite.
        """
        w = torch.atanh((2.0 * x - 1.0).clamp(-1.0 + _EDGE, 1.0 - _EDGE)).detach().requires_grad_()
        optimizer = torch.optim.Adam([w], lr=self.lr)
        best = x.clone()
        least = torch.full((len(x),), torch.inf, device=x.device)
        for _ in range(self.steps):
            with torch.enable_grad():
                tried = (torch.tanh(w) + 1.0) / 2.0
                distance = (tried - x).flatten(1).square().sum(dim=1)
                leads = [margins(target.run(tried), labels) for _ in range(target.draws)]
                over = torch.stack(leads).mean(dim=0)
                loss = (distance + self.c * (-over).clamp_min(-self.confidence)).sum()
            (w.grad,) = torch.autograd.grad(loss, w)
            optimizer.step()
            better = (over.detach() > self.confidence) & (distance.detach() < least)
            least = torch.where(better, distance.detach(), least)
            best = torch.where(per_image(better, x), tried.detach(), best)
        # An image of which w became NaN was no longer attacked.
        if not torch.isfinite(w).all():
            raise AccelsimError(
                "attack cw-l2: the network's gradients are not all finite, so nothing is attacked"
            )
        return best
