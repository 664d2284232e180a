"""The likelihood-ratio gradient and its sign approximation (NIT paper, Eqs. 1, 3 and 8).

Given its input, a layer's v is normal with mean theta x + bias and standard deviation sigma, so the score
(the derivative of the log density) is x epsilon / sigma for theta and (epsilon^2 - 1) / sigma for sigma.
E[loss * score], summed over time steps, is the gradient of E[loss]; no derivative of the activation or
the loss occurs. docs/nit.md derives it.

Subtracting from a replication's loss a baseline that does not depend on its noise leaves the expectation
as it is and takes away most of the variance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from accelsim.errors import AccelsimError
from accelsim.nn.spiking.noisy_layer import NoisyLayer, Record

Method = Literal["exact", "sign"]

Loss = Callable[[Tensor, Tensor], Tensor]
"""Outputs (N, C, classes) and labels (N,) to losses (N, C). Nothing differentiates it: likelihood ratios take any."""


def cross_entropy(outputs: Tensor, labels: Tensor, scale: float = 1.0) -> Tensor:
    """Return the cross entropy of softmax(scale * outputs): outputs (N, C, classes), labels (N,) to losses (N, C).

    Spikes lie in 0 to 1, so with scale 1 (the paper) even a perfect answer of ten neurons has the
    probability e / (e + 9) = 0.23 and the loss 1.46.
    """
    rows, replications, classes = outputs.shape
    losses = F.cross_entropy(
        (outputs * scale).reshape(-1, classes), labels.repeat_interleave(replications), reduction="none"
    )
    return losses.reshape(rows, replications)


@dataclass(frozen=True)
class Estimator:
    """How gradients are estimated from replications of every input.

    Attributes:
        replications: Passes per input.
        method: `exact` or `sign` (`lr_gradient`).
        loss: Of each replication.
        reduced: Whether noise is antithetic and losses have a baseline, which takes away most of the variance.
    """

    replications: int = 20
    method: Method = "exact"
    loss: Loss = cross_entropy
    reduced: bool = True


@dataclass(frozen=True)
class Gradient:
    """Estimated gradient of the mean loss with respect to one layer's parameters."""

    weight: Tensor
    bias: Tensor
    sigma: Tensor


def centred(losses: Tensor, antithetic: bool) -> Tensor:
    """losses (N, C) less the mean of the other replications of the same input.

    With antithetic noise a replication's mirror image depends on the same noise: both are left out of the
    mean. With nothing left to average, the losses come back as they are.
    """
    replications = losses.shape[1]
    if not antithetic:
        if replications < 2:
            return losses
        others = (losses.sum(dim=1, keepdim=True) - losses) / (replications - 1)
        return losses - others
    if replications % 2:
        raise AccelsimError(f"replications: {replications}, must be even for antithetic noise")
    if replications < 4:
        return losses
    pairs = losses.reshape(len(losses), 2, replications // 2).sum(dim=1)
    others = (pairs.sum(dim=1, keepdim=True) - pairs) / (replications - 2)
    return losses - others.repeat(1, 2)


def lr_gradient(layer: NoisyLayer, record: Record, weights: Tensor, method: Method = "exact") -> Gradient:
    """The estimate of d E[loss] / d (weight, bias, sigma), averaged over inputs and replications.

    weights: (N, C), the losses, raw or `centred`. method "exact" is Eq. 1 (Eq. 8 with time); "sign" takes
    for theta the sign of the score (Eq. 3, sign(0) = 1), which needs one bit an element to be stored.
    """
    count = weights.numel()
    sigma = layer.sigma.detach()
    noise = record.noise
    by_sigma = torch.einsum("nc,tnco->o", weights, noise.square() - 1.0) / sigma / count
    if method == "exact":
        score = weights[None, :, :, None] * noise / sigma
        return Gradient(_outer(score, record.inputs) / count, score.sum(dim=(0, 1, 2)) / count, by_sigma)
    score = weights[None, :, :, None] * torch.where(noise >= 0.0, 1.0, -1.0)
    steps = len(noise)
    by_weight = _outer(score, record.inputs.sign())
    # A zero input makes the score zero, whose sign is defined as +1 whatever the noise.
    zeros = (record.inputs == 0.0).to(score.dtype)
    scale = steps if len(zeros) == 1 else 1
    silent = torch.einsum("nc,tnci->i", weights, zeros.expand(-1, -1, weights.shape[1], -1)) * scale
    return Gradient((by_weight + silent) / count, score.sum(dim=(0, 1, 2)) / count, by_sigma)


def _outer(score: Tensor, inputs: Tensor) -> Tensor:
    """Sum over steps, inputs and replications of score (T, N, C, out) times inputs: (out, in)."""
    # What the inputs share is summed before the product: that is most of the work of a first layer.
    if len(inputs) == 1:
        score = score.sum(dim=0, keepdim=True)
    if inputs.shape[2] == 1:
        score = score.sum(dim=2, keepdim=True)
    return score.flatten(0, 2).T @ inputs.flatten(0, 2)


def input_gradient(layer: NoisyLayer, record: Record, weights: Tensor) -> Tensor:
    """d E[loss_n] / d x_n for inputs x (N, in) of the first layer, constant over steps: (N, in).

    x moves the mean of v by theta dx, so the estimate is E[loss * sum_t epsilon / sigma] theta: the
    gradient that an attacker has of a network without derivatives.
    """
    score = torch.einsum("nc,tnco->no", weights, record.noise) / layer.sigma.detach() / weights.shape[1]
    return score @ layer.weight.detach()
