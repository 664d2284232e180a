"""`Selector`: selection of essential neurons in PyTorch (paper sections 3.2 and 3.4). The rule is the scheme's own."""

from __future__ import annotations

from typing import get_args

import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.schemes import Scheme
from accelsim.schemes.selection_suffix import Criterion, ranked

QUANTILES = 1001
"""Points of a calibrated threshold table: what a criterion ranks, at noise 0, 0.001, ... 1."""

TABLES = {
    criterion: "quantiles" if criterion == "magnitude" else f"quantiles_{criterion}"
    for criterion in get_args(Criterion)
}
"""The buffer of `Selector` that holds each criterion's threshold table."""


class Selector(nn.Module):
    """The mask of one layer under the current scheme.

    A module of its own, so that a forward hook on it sees every mask (accelsim.nn.trace_export does).

    Attributes: `scheme`, the current Scheme; `groups`, those of the convolution; `quantiles` and its like (`TABLES`),
    float32 (1001,), for each criterion what it ranks over the calibration images at noise 0, 0.001, ... 1 (empty until
    distilled).
    """

    quantiles: Tensor

    def __init__(self, scheme: Scheme, groups: int = 1) -> None:
        super().__init__()
        self.scheme = scheme
        self.groups = groups
        for table in TABLES.values():
            self.register_buffer(table, torch.empty(0))

    @torch.no_grad()
    def calibrate(self, scores: Tensor, criterion: str = "magnitude") -> None:
        """Fill a criterion's threshold table from a sample (any shape) of z~, after the batch norm if the criterion is."""
        ordered = ranked(scores, criterion).reshape(-1).float().sort().values
        place = torch.linspace(0, len(ordered) - 1, QUANTILES, dtype=torch.float64)
        below = place.floor().long()
        above = place.ceil().long()
        share = (place - below).to(ordered)
        setattr(self, TABLES[criterion], ordered[below] * (1 - share) + ordered[above] * share)

    def quantile(self, noise: float) -> float:
        """Return the calibrated score, |z~| by default, that a share `noise` of the neurons lies below.

        Raises:
            AccelsimError: if the layer is not distilled.
        """
        table = self.get_buffer(TABLES[self.scheme.criterion])
        if not len(table):
            raise AccelsimError(
                f"scheme {self.scheme.name}: a calibrated threshold needs a distilled layer; run distill first"
            )
        place = noise * (QUANTILES - 1)
        below = min(int(place), QUANTILES - 2)
        low, high = table[below].item(), table[below + 1].item()
        return low + (high - low) * (place - below)

    def threshold(self) -> float:
        """Return the calibrated scheme's one threshold: what a fixed register in hardware would hold."""
        return self.quantile(self.scheme.noise)

    def forward(self, scores: Tensor) -> Tensor:
        """Return the mask of z~, or of BN(z~) under such a criterion: float (images, positions, n) to bool of that shape.

        No gradient passes.
        """
        mask: Tensor = self.scheme.essential_mask(scores.detach(), self.groups, self.quantile)
        return mask
