"""MIFGSM with translation-invariant gradients (TIM: Dong et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from accelsim.nn.attacks.mifgsm import MIFGSM, as_planes
from accelsim.nn.attacks.registry import register
from accelsim.nn.attacks.target import Target


@register("tim")
@dataclass(frozen=True, kw_only=True)
class TIM(MIFGSM):
    """MIFGSM with the gradient smoothed by `tim_kernel`; images (N, channels, h, w), or flat and square."""

    def perturb(self, target: Target, x: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Return the attacked images, shaped as x."""
        kernel = tim_kernel().to(x)

        def smooth(at: Tensor) -> Tensor:
            planes = as_planes(target.finite_gradient(at, labels))
            channels = planes.shape[1]
            kernels = kernel.expand(channels, 1, *kernel.shape)
            return F.conv2d(planes, kernels, padding=3, groups=channels).reshape(at.shape)

        return self.with_momentum(smooth, x)


def tim_kernel() -> Tensor:
    """Return TIM's normal kernel, 7 x 7, of sum 1: (7, 7) float64.

    As its authors' code has it, the kernel ends at three standard deviations: one pixel each for 7 x 7.
    """
    bell = torch.exp(-torch.linspace(-3.0, 3.0, 7, dtype=torch.float64).square() / 2.0)
    return torch.outer(bell, bell) / bell.sum() ** 2
