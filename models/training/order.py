"""Which images a step shows, and where its random draws come from: functions of the seed and the step alone."""

from __future__ import annotations

import torch
from torch import Tensor

from accelsim.nn.data.cifar import ImageSet, to_float


def batch_at(data: ImageSet, seed: int, batch_size: int, step: int) -> tuple[Tensor, Tensor]:
    """Images as float (batch, 3, 32, 32) and labels: seeded permutations end to end, cut in batches."""
    start = step * batch_size
    positions = range(start, start + batch_size)
    orders = {
        epoch: torch.randperm(len(data), generator=stream(seed, 0, epoch))
        for epoch in {position // len(data) for position in positions}
    }
    index = torch.stack([orders[position // len(data)][position % len(data)] for position in positions])
    return to_float(data.images[index]), data.labels[index]


def stream(seed: int, purpose: int, position: int) -> torch.Generator:
    """One independent stream, on the CPU, for each (seed, purpose, position); purpose 0 or 1."""
    return torch.Generator().manual_seed((seed * 2 + purpose) * 1_000_000_007 + position)
