"""Shared pieces of the models tests: small networks and images from fixed seeds."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Small tensors gain nothing from threads, and other work on the machine would stall them."""
    torch.set_num_threads(1)


@pytest.fixture
def small_network() -> nn.Module:
    """Plain, strided, grouped and 1x1 convolutions and a linear layer, in eval mode, for 3x8x8 images."""
    torch.manual_seed(7)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 12, 3, stride=2, padding=1, groups=2, bias=False),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.Conv2d(12, 10, 1),
        nn.Flatten(),
        nn.Linear(160, 5),
    ).eval()


@pytest.fixture
def images() -> Tensor:
    """float (48, 3, 8, 8) in [0, 1]."""
    return torch.rand(48, 3, 8, 8, generator=torch.Generator().manual_seed(11))
