"""Random Projection Filters (Dong and Xu 2023): most filters of the first convolution are drawn afresh, the rest learned.

A random filter of size r x r has independent normal weights of variance 1 / r^2. The authors replace 48 of the 64 filters of
ResNet-18's stem (three quarters) and redraw them in every step of training, once before and once after an attack. Here every
forward pass draws: an attacker sees as little of the draw that is used as there, and more draws if it averages.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from accelsim.nn.base.random_module import RandomModule
from accelsim.nn.layers.geometry import symmetric_padding

RANDOM_SHARE = 0.75


class RandomFilters(RandomModule):
    """A convolution without bias: `random_filters` drawn output channels first, then those of `learned`.

    Shapes: x (images, c_in, h, w) to (images, random_filters + learned.out_channels, h_out, w_out).
    """

    def __init__(self, conv: nn.Conv2d, random_filters: int) -> None:
        super().__init__()
        self.random_filters = random_filters
        self.learned = nn.Conv2d(
            conv.in_channels,
            conv.out_channels - random_filters,
            kernel_size=(conv.kernel_size[0], conv.kernel_size[1]),
            stride=(conv.stride[0], conv.stride[1]),
            padding=symmetric_padding(conv),
            bias=False,
        )
        with torch.no_grad():
            self.learned.weight.copy_(conv.weight[random_filters:])

    def forward(self, x: Tensor) -> Tensor:
        conv = self.learned
        shape = (self.random_filters, *conv.weight.shape[1:])
        drawn = torch.randn(shape, generator=self.generator(x.device), device=x.device, dtype=x.dtype)
        weight = torch.cat([drawn / conv.kernel_size[0], conv.weight])
        return F.conv2d(x, weight, None, conv.stride, conv.padding)


def with_random_filters(model: nn.Module, name: str = "conv1", share: float = RANDOM_SHARE) -> nn.Module:
    """Replace that share of the filters of the convolution `name` of `model`, in place; returns `model`."""
    conv = model.get_submodule(name)
    assert isinstance(conv, nn.Conv2d)
    parent, _, attribute = name.rpartition(".")
    replacement = RandomFilters(conv, round(share * conv.out_channels))
    setattr(model.get_submodule(parent), attribute, replacement)
    return model
