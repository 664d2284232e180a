"""The L2 attack of Carlini and Wagner (2017) with a fixed trade-off c: smallest change that still misleads.

Minimizes |x' - x|^2 + c * max(right logit - best wrong logit, -confidence) by Adam over w, with x' = (tanh(w) + 1) / 2,
which keeps x' in [0, 1]. What is returned is each image's misclassified x' of least distance, else the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from accelsim.errors import AccelsimError
from accelsim.nn.attacks.target import Target, margins

_EDGE = 1e-6
"""0 and 1 lie at infinity in tanh space; images start this far from them (in units of [-1, 1])."""


@dataclass(frozen=True)
class CarliniWagner:
    """c: weight of misleading against distance. draws: of the noise per step, for the loss and for success.

    confidence: lead, in logits, of a wrong class over the right one that counts as misled.
    """

    c: float = 1e-4
    confidence: float = 0.0
    lr: float = 0.01
    steps: int = 1000
    draws: int = 1


def carlini_wagner(target: Target, x: Tensor, labels: Tensor, setting: CarliniWagner) -> Tensor:
    """The attacked images, shaped as x (N, channels, h, w); unbounded in the largest pixel change.

    Raises AccelsimError where the network's gradients are not finite.
    """
    w = torch.atanh((2.0 * x - 1.0).clamp(-1.0 + _EDGE, 1.0 - _EDGE)).detach().requires_grad_()
    optimizer = torch.optim.Adam([w], lr=setting.lr)
    best = x.clone()
    least = torch.full((len(x),), torch.inf, device=x.device)
    for _ in range(setting.steps):
        with torch.enable_grad():
            tried = (torch.tanh(w) + 1.0) / 2.0
            distance = (tried - x).flatten(1).square().sum(dim=1)
            over = torch.stack([margins(target.network(tried), labels) for _ in range(setting.draws)]).mean(
                dim=0
            )
            loss = (distance + setting.c * (-over).clamp_min(-setting.confidence)).sum()
        (w.grad,) = torch.autograd.grad(loss, w)
        optimizer.step()
        better = (over.detach() > setting.confidence) & (distance.detach() < least)
        least = torch.where(better, distance.detach(), least)
        best = torch.where(better.reshape(-1, *[1] * (x.ndim - 1)), tried.detach(), best)
    # An image of which w became NaN was no longer attacked.
    if not torch.isfinite(w).all():
        raise AccelsimError(
            "attack cw-l2: the network's gradients are not all finite, so nothing is attacked"
        )
    return best
