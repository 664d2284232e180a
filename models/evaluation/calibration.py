"""Images that a redrawn projection is fitted on."""

from __future__ import annotations

import torch
from torch import Tensor

from accelsim.nn.data.cifar import ImageSet, to_float

CALIBRATION_BATCH = 100


def calibration_batches(data: ImageSet, count: int, seed: int, device: torch.device) -> list[Tensor]:
    """The first `count` of a seeded permutation of training images, as float batches (images, 3, h, w)."""
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))[:count]
    return [
        to_float(data.images[part].to(device)).contiguous(memory_format=torch.channels_last)
        for part in torch.split(order, CALIBRATION_BATCH)
    ]
