"""Selection of essential neurons by the magnitude of their approximation (paper sections 3.2 and 3.4).

All functions take |z~| as float (images, positions, n) and return bool masks of that shape, True =
essential. Positions are row-major (h, w); the flat index of a neuron in its image is position * n + channel.
Where magnitudes are equal, the lower index is kept, so the counts are always exact.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.trace.layer_shape import Scheme

QUANTILES = 1001
"""Points of the calibrated threshold table: |z~| at noise 0, 0.001, ... 1."""


def keep_largest(magnitude: Tensor, keep: int) -> Tensor:
    """True for exactly `keep` of the last axis' largest values; equal values: lower index first."""
    size = magnitude.shape[-1]
    if keep <= 0 or keep >= size:
        return torch.full_like(magnitude, keep > 0, dtype=torch.bool)
    threshold = _kth_smallest(magnitude, size - keep + 1)
    kept = magnitude >= threshold
    # To look at the count is to wait for a GPU, so only a CPU takes the short cut.
    if magnitude.device.type == "cpu" and int(kept.sum()) == keep * (kept.numel() // size):
        return kept  # no row has more values equal to its threshold than it keeps
    above = magnitude > threshold
    equal = magnitude == threshold
    missing = keep - above.sum(dim=-1, keepdim=True)
    return above | (equal & (equal.cumsum(dim=-1) <= missing))


def _kth_smallest(values: Tensor, k: int) -> Tensor:
    """The k-th smallest (from 1) of the last axis, which stays with size 1. On a CPU NumPy's selection is faster."""
    if values.device.type != "cpu" or values.dtype != torch.float32:
        return values.kthvalue(k, dim=-1, keepdim=True).values
    ordered = np.partition(values.detach().numpy(), k - 1, axis=-1)
    return torch.from_numpy(np.ascontiguousarray(ordered[..., k - 1 : k]))


def keep_n_of_m(magnitude: Tensor, keep: int, of: int, groups: int) -> Tensor:
    """True for the `keep` largest in each group of `of` consecutive channels (last axis, n of them).

    Groups restart at every one of the convolution's `groups`. Where n / groups is no multiple of `of`, the
    last group has the remaining members and keeps min(keep, members).
    """
    images, positions, n = magnitude.shape
    per_group = n // groups
    padding = -per_group % of
    # Padding of -1 ranks below every magnitude, so a short last group loses nothing to it.
    grouped = F.pad(magnitude.reshape(images, positions, groups, per_group), (0, padding), value=-1.0)
    mask = keep_largest(grouped.reshape(images, positions, groups, -1, of), keep)
    return mask.reshape(images, positions, groups, -1)[..., :per_group].reshape(images, positions, n)


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

    def threshold(self) -> float:
        """The calibrated scheme's one threshold: what a fixed register in hardware would hold."""
        if not len(self.quantiles):
            raise AccelsimError("scheme: a calibrated threshold needs a distilled layer; run distill first")
        place = self.scheme.noise * (QUANTILES - 1)
        below = min(int(place), QUANTILES - 2)
        low, high = self.quantiles[below].item(), self.quantiles[below + 1].item()
        return low + (high - low) * (place - below)

    def forward(self, z_approx: Tensor) -> Tensor:
        """Mask of z~: float (images, positions, n) to bool of that shape. No gradient passes."""
        magnitude = z_approx.detach().abs()
        images, positions, n = magnitude.shape
        scheme = self.scheme
        if scheme.kind == "dense":
            return torch.ones_like(magnitude, dtype=torch.bool)
        if scheme.kind == "nm":
            return keep_n_of_m(magnitude, scheme.keep, scheme.of, self.groups)
        if scheme.scope == "image":
            keep = round((1 - scheme.noise) * n * positions)
            return keep_largest(magnitude.reshape(images, -1), keep).reshape(magnitude.shape)
        if scheme.scope == "position":
            return keep_largest(magnitude, round((1 - scheme.noise) * n))
        if scheme.noise == 0:
            return torch.ones_like(magnitude, dtype=torch.bool)
        return magnitude >= self.threshold()
