"""Random Self-Ensemble (Liu et al. 2018): normal noise before every convolution, in training and when the network is used.

Additive: x + sigma * epsilon. Multiplicative: x * (1 + sigma * epsilon). The authors take 0.2 before the first convolution
and 0.1 before the others. The authors predict by the ensemble, the largest mean softmax over draws: column `ensemble` of
models.evaluation, beside the mean accuracy of single draws.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from accelsim.nn.base.random_module import RandomModule

FIRST_SIGMA, OTHER_SIGMA = 0.2, 0.1

Kind = Literal["add", "multiply"]


class NoisyConv2d(RandomModule):
    """A convolution of a disturbed input: x (images, c_in, h, w), as `inner` takes it."""

    def __init__(self, inner: nn.Conv2d, sigma: float, kind: Kind) -> None:
        super().__init__()
        self.inner = inner
        self.sigma = sigma
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        epsilon = torch.randn(x.shape, generator=self.generator(x.device), device=x.device, dtype=x.dtype)
        noisy = x * (1.0 + self.sigma * epsilon) if self.kind == "multiply" else x + self.sigma * epsilon
        output: Tensor = self.inner(noisy)
        return output


def with_noise_layers(
    model: nn.Module, kind: Kind, first: float = FIRST_SIGMA, others: float = OTHER_SIGMA
) -> nn.Module:
    """Wrap every Conv2d of `model` in place, the first in `named_modules` order with sigma `first`; returns `model`."""
    found = [(name, module) for name, module in model.named_modules() if type(module) is nn.Conv2d]
    for index, (name, module) in enumerate(found):
        parent, _, attribute = name.rpartition(".")
        noisy = NoisyConv2d(module, others if index else first, kind)
        setattr(model.get_submodule(parent), attribute, noisy)
    return model
