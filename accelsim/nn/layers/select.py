"""`Selector`: selection of essential neurons in PyTorch (paper sections 3.2 and 3.4). The rule is the scheme's own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.schemes import Scheme

QUANTILES = 1001
"""Points of the calibrated threshold table: |z~| at noise 0, 0.001, ... 1."""


class Selector(nn.Module):
    """The mask of one layer under the current scheme.

    A module of its own, so that a forward hook on it sees every mask (accelsim.nn.trace_export does).

    Attributes: `scheme`, the current Scheme; `groups`, those of the convolution; `quantiles`, float32
    (1001,), |z~| over the calibration images at noise 0, 0.001, ... 1 (empty until distilled).
    """

    quantiles: Tensor

    def __init__(self, scheme: Scheme, groups: int = 1) -> None:
        super().__init__()
        self.scheme = scheme
        self.groups = groups
        self.register_buffer("quantiles", torch.empty(0))

    @torch.no_grad()
    def calibrate(self, magnitude: Tensor) -> None:
        """Fill the threshold table from a sample of |z~| (any shape)."""
        ordered = magnitude.reshape(-1).float().sort().values
        place = torch.linspace(0, len(ordered) - 1, QUANTILES, dtype=torch.float64)
        below = place.floor().long()
        above = place.ceil().long()
        share = (place - below).to(ordered)
        self.quantiles = ordered[below] * (1 - share) + ordered[above] * share

    def quantile(self, noise: float) -> float:
        """Return the calibrated |z~| that a share `noise` of the neurons lies below.

        Raises:
            AccelsimError: if the layer is not distilled.
        """
        if not len(self.quantiles):
            raise AccelsimError("scheme: a calibrated threshold needs a distilled layer; run distill first")
        place = noise * (QUANTILES - 1)
        below = min(int(place), QUANTILES - 2)
        low, high = self.quantiles[below].item(), self.quantiles[below + 1].item()
        return low + (high - low) * (place - below)

    def threshold(self) -> float:
        """Return the calibrated scheme's one threshold: what a fixed register in hardware would hold."""
        return self.quantile(self.scheme.noise)

    def forward(self, z_approx: Tensor) -> Tensor:
        """Return the mask of z~: float (images, positions, n) to bool of that shape. No gradient passes."""
        mask: Tensor = self.scheme.essential_mask(z_approx.detach(), self.groups, self.quantile)
        return mask
