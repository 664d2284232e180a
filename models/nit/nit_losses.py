"""The loss of every replication, as the estimator takes it."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]
"""Outputs (N, C, classes) and labels (N,) to losses (N, C). Nothing differentiates it: likelihood ratios take any."""


def cross_entropy(outputs: Tensor, labels: Tensor, scale: float = 1.0) -> Tensor:
    """Cross entropy of softmax(scale * outputs): outputs (N, C, classes), labels (N,) to losses (N, C).

    Spikes lie in 0 to 1, so with scale 1 (the paper) even a perfect answer of ten neurons has the
    probability e / (e + 9) = 0.23 and the loss 1.46.
    """
    rows, replications, classes = outputs.shape
    losses = F.cross_entropy(
        (outputs * scale).reshape(-1, classes), labels.repeat_interleave(replications), reduction="none"
    )
    return losses.reshape(rows, replications)
