"""The leaky integrate-and-fire neuron (NIT paper, Eq. 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from accelsim.errors import AccelsimError


@dataclass(frozen=True)
class Lif:
    """u' = decay * u * (1 - s) + current; s' = 1 where u' passes the threshold (Eq. 7).

    A neuron that fired starts the next step from zero (hard reset).

    decay: k of Eq. 7, 0 to 1. threshold: V_th, above 0.
    fires_at_threshold: whether u' = threshold fires. The paper's I(u - V_th) leaves it open; snntorch
        says no (the default here), spikingjelly says yes.
    Raises AccelsimError for values out of range.
    """

    decay: float = 0.25
    threshold: float = 1.0
    fires_at_threshold: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.decay <= 1.0:
            raise AccelsimError(f"decay: {self.decay}, must be 0 to 1")
        if not self.threshold > 0.0:
            raise AccelsimError(f"threshold: {self.threshold}, must be above 0")

    def integrate(self, u: Tensor, spikes: Tensor, current: Tensor) -> Tensor:
        """The membrane potential of the next step; all three of the same shape."""
        return self.decay * u * (1.0 - spikes) + current

    def fire(self, u: Tensor) -> Tensor:
        """Spikes (0.0 or 1.0) of potentials u; no gradient passes."""
        fired = u >= self.threshold if self.fires_at_threshold else u > self.threshold
        return fired.to(u.dtype)

    def fire_with_surrogate(self, u: Tensor, width: float) -> Tensor:
        """`fire`, with the derivative 1 / width where |u - threshold| < width / 2, else 0.

        The rectangular surrogate of STBP (Wu et al. 2018, Eq. 24).
        """
        spikes: Tensor = _Rectangle.apply(u, self, width)  # type: ignore[no-untyped-call]
        return spikes


class _Rectangle(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: Tensor, neuron: Lif, width: float) -> Tensor:
        ctx.save_for_backward((u - neuron.threshold).abs() < width / 2)
        ctx.width = width
        return neuron.fire(u)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (near,) = ctx.saved_tensors
        return grads[0] * near / ctx.width, None, None
