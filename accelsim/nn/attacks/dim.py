"""MIFGSM with diverse inputs (DIM: Xie et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from accelsim.nn.attacks.mifgsm import MIFGSM, as_planes
from accelsim.nn.attacks.registry import register
from accelsim.nn.attacks.target import Target


@register("dim")
@dataclass(frozen=True, kw_only=True)
class DIM(MIFGSM):
    """MIFGSM with the gradient taken at a randomly shrunk and padded image, with probability 0.5 per step.

    Images are square: (N, channels, h, h), or flat (N, h * h).
    """

    is_random: ClassVar[bool] = True

    def perturb(self, target: Target, x: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Return the attacked images, shaped as x."""

        def diverse(at: Tensor) -> Tensor:
            if torch.rand((), generator=generator) >= 0.5:
                return target.finite_gradient(at, labels)
            with torch.enable_grad():
                source = at.detach().requires_grad_()
                padded = _shrunk_and_padded(as_planes(source), generator).reshape(at.shape)
            (back,) = torch.autograd.grad(padded, source, target.finite_gradient(padded.detach(), labels))
            return back

        return self.with_momentum(diverse, x)


def _shrunk_and_padded(images: Tensor, generator: torch.Generator) -> Tensor:
    side = images.shape[-1]
    smallest = min(round(0.9 * side), side - 1)
    small = int(torch.randint(smallest, side, (), generator=generator))
    top, left = (int(torch.randint(0, side - small + 1, (), generator=generator)) for _ in range(2))
    shrunk = F.interpolate(images, size=(small, small), mode="nearest")
    return F.pad(shrunk, (left, side - small - left, top, side - small - top))
