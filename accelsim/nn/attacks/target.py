"""A network as an attacker meets it: logits of a fresh draw of its noise, gradients of one draw or the mean of many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.nn.attacks.linf import Gradient

LossName = Literal["cross-entropy", "margin"]


def margins(logits: Tensor, labels: Tensor) -> Tensor:
    """The best wrong class over the right one: (N, classes) and (N,) to (N,); positive where it is misclassified."""
    right = logits.gather(1, labels[:, None])[:, 0]
    wrong = logits.scatter(1, labels[:, None], -torch.inf).amax(dim=1)
    return wrong - right


@dataclass(frozen=True)
class Target:
    """A network in eval mode, from images (N, channels, h, w) in [0, 1] to logits (N, classes).

    Where it is random, every call draws anew.
    """

    network: nn.Module

    @torch.no_grad()
    def logits(self, x: Tensor) -> Tensor:
        """(N, classes), one draw of the noise for the batch."""
        logits: Tensor = self.network(x)
        return logits

    def margins(self, x: Tensor, labels: Tensor, draws: int = 1) -> Tensor:
        """Mean over `draws` of `margins`: (N,)."""
        return torch.stack([margins(self.logits(x), labels) for _ in range(draws)]).mean(dim=0)

    def right(self, x: Tensor, labels: Tensor, draws: int = 1) -> Tensor:
        """Which images each of `draws` fresh draws classifies rightly: bool (N, draws) on the CPU.

        Raises AccelsimError for logits that are not finite: the largest of NaNs is the first, a class like any other.
        """
        found = []
        for _ in range(draws):
            logits = self.logits(x)
            if not torch.isfinite(logits).all():
                raise AccelsimError("the network's logits are not all finite; its accuracy means nothing")
            found.append(logits.argmax(dim=1) == labels)
        return torch.stack(found, dim=1).cpu()

    def gradient(self, draws: int = 1, loss: LossName = "cross-entropy") -> Gradient:
        """d loss / d x, the mean over `draws` of the noise; each image's loss is its own (a sum over the batch)."""

        def mean_gradient(x: Tensor, labels: Tensor) -> Tensor:
            total = torch.zeros_like(x)
            for _ in range(draws):
                with torch.enable_grad():
                    at = x.detach().requires_grad_()
                    logits = self.network(at)
                    if loss == "margin":
                        value = margins(logits, labels).sum()
                    else:
                        value = F.cross_entropy(logits, labels, reduction="sum")
                (back,) = torch.autograd.grad(value, at)
                total += back
            return total / draws

        return mean_gradient
