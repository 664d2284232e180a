"""A network as an attacker meets it: logits of a fresh draw of its noise, gradients of one draw or the mean of many."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.nn.attacks.bpda import precise_backward

LossName = Literal["cross-entropy", "margin"]
Treatment = Literal["straight-through", "bpda"]
"""How gradients pass quantization and masks: as the layers are, or as if every neuron were precise."""

TREATMENTS: dict[Treatment, Callable[[nn.Module], AbstractContextManager[None]]] = {
    "straight-through": nullcontext,  # type: ignore[dict-item]
    "bpda": precise_backward,
}


def margins(logits: Tensor, labels: Tensor) -> Tensor:
    """Return how far the best wrong class leads the labelled one: (N, classes) and (N,) to (N,).

    Positive where the image is misclassified.
    """
    right = logits.gather(1, labels[:, None])[:, 0]
    wrong = logits.scatter(1, labels[:, None], -torch.inf).amax(dim=1)
    return wrong - right


@dataclass(frozen=True)
class Target:
    """A network from images (N, channels, h, w) in [0, 1] to logits (N, classes), as an attacker sees it.

    Where the network is random, every call draws anew. Subclass it for a network that is run, or differentiated, in
    another way (models.nit.spiking_target does).

    Attributes:
        network: In eval mode, unless the attack is part of training.
        draws: Draws of the noise that the attacker averages per gradient, loss or margin (EOT, expectation over
            transformation).
        treatment: How gradients pass quantization and masks.
    """

    network: nn.Module
    draws: int = 1
    treatment: Treatment = "straight-through"

    @classmethod
    def of(cls, model: nn.Module | Target) -> Target:
        """Return `model` as a target: itself if it is one."""
        return model if isinstance(model, Target) else cls(model)

    def run(self, x: Tensor) -> Tensor:
        """Return the logits (N, classes) of one draw of the noise, differentiable in the images."""
        with TREATMENTS[self.treatment](self.network):
            logits: Tensor = self.network(x)
        return logits

    @torch.no_grad()
    def logits(self, x: Tensor) -> Tensor:
        """Return the logits (N, classes) of one draw of the noise for the batch."""
        return self.run(x)

    def margins(self, x: Tensor, labels: Tensor) -> Tensor:
        """Return the mean over the attacker's draws of `margins`: (N,)."""
        return torch.stack([margins(self.logits(x), labels) for _ in range(self.draws)]).mean(dim=0)

    def losses(self, x: Tensor, labels: Tensor) -> Tensor:
        """Return the mean over the attacker's draws of each image's cross-entropy: (N,)."""
        each = [F.cross_entropy(self.logits(x), labels, reduction="none") for _ in range(self.draws)]
        return torch.stack(each).mean(dim=0)

    def gradient(self, x: Tensor, labels: Tensor, loss: LossName = "cross-entropy") -> Tensor:
        """Return d loss / d x, shaped as x: the mean over the attacker's draws; each image's loss is its own."""
        total = torch.zeros_like(x)
        for _ in range(self.draws):
            with torch.enable_grad():
                at = x.detach().requires_grad_()
                logits = self.run(at)
                if loss == "margin":
                    value = margins(logits, labels).sum()
                else:
                    value = F.cross_entropy(logits, labels, reduction="sum")
            (back,) = torch.autograd.grad(value, at)
            total += back
        return total / self.draws

    def has_zero_gradient(self, x: Tensor, labels: Tensor) -> Tensor:
        """Return for which images the gradient of the cross-entropy is zero everywhere: bool (N,).

        No attack along its sign moves them, so that they seem robust (Carlini et al. 2019).
        """
        return ~self.gradient(x, labels).flatten(1).any(dim=1)

    def finite_gradient(self, x: Tensor, labels: Tensor, loss: LossName = "cross-entropy") -> Tensor:
        """Return `gradient`.

        Raises:
            AccelsimError: It is not finite. The sign of NaN is 0, so the attack would leave the image as it is, and
                the network would seem robust.
        """
        found = self.gradient(x, labels, loss)
        if not torch.isfinite(found).all():
            raise AccelsimError("attack: the network's gradients are not all finite, so nothing is attacked")
        return found

    def correct(self, x: Tensor, labels: Tensor, draws: int = 1) -> Tensor:
        """Return which images each of `draws` fresh draws classifies correctly: bool (N, draws) on the CPU.

        Raises:
            AccelsimError: Logits are not finite. The largest of NaNs is the first, a class like any other.
        """
        return self.judged(x, labels, draws)[0]

    def judged(self, x: Tensor, labels: Tensor, draws: int = 1) -> tuple[Tensor, Tensor]:
        """Return what `correct` does, and which images the ensemble of the same draws classifies correctly: bool (N,).

        The ensemble takes the largest mean of the draws' softmax, which is how RSE (Liu et al. 2018) predicts.
        """
        found, together = [], torch.zeros(())
        for _ in range(draws):
            logits = self.logits(x)
            if not torch.isfinite(logits).all():
                raise AccelsimError("the network's logits are not all finite; its accuracy means nothing")
            found.append(logits.argmax(dim=1) == labels)
            together = together.to(x.device) + F.softmax(logits.double(), dim=1)
        return torch.stack(found, dim=1).cpu(), (together.argmax(dim=1) == labels).cpu()
