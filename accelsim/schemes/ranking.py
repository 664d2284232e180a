"""What masks are made of, for NumPy arrays and PyTorch tensors alike: the largest values of a row, or of each group.

All functions take magnitudes as float (images, positions, n) or rows of any shape, and return bool of that shape and
library. Where values are equal, the lower index is kept, so the counts are always exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def all_neurons(like: Any, essential: bool) -> Any:
    """Return a mask shaped as `like` with every neuron essential, or none."""
    if isinstance(like, np.ndarray):
        return np.full(like.shape, essential)
    import torch

    return torch.full_like(like, essential, dtype=torch.bool)


def keep_largest(magnitude: Any, keep: int) -> Any:
    """Return True for exactly `keep` of the last axis' largest values (all of a shorter axis)."""
    size = magnitude.shape[-1]
    if keep <= 0 or keep >= size:
        return all_neurons(magnitude, keep > 0)
    threshold = _kth_smallest(magnitude, size - keep + 1)
    kept = magnitude >= threshold
    # To look at the count is to wait for a GPU, so only a CPU takes the short cut.
    on_cpu = isinstance(magnitude, np.ndarray) or magnitude.device.type == "cpu"
    if on_cpu and int(kept.sum()) * size == keep * int(np.prod(kept.shape)):
        return kept  # no row has more values equal to its threshold than it keeps
    above = magnitude > threshold
    equal = magnitude == threshold
    missing = keep - above.sum(axis=-1, keepdims=True)
    return above | (equal & (equal.cumsum(axis=-1) <= missing))


def keep_n_of_m(magnitude: Any, keep: int, of: int, groups: int) -> Any:
    """Return True for the `keep` largest in each group of `of` consecutive channels (last axis, n of them).

    Groups restart at every one of the convolution's `groups`. Where n / groups is no multiple of `of`, the
    last group has the remaining members and keeps min(keep, members).
    """
    images, positions, n = magnitude.shape
    per_group = n // groups
    # Padding ranks below every value, so a short last group loses nothing to it.
    grouped = _padded(magnitude.reshape(images, positions, groups, per_group), -per_group % of)
    mask = keep_largest(grouped.reshape(images, positions, groups, -1, of), keep)
    return mask.reshape(images, positions, groups, -1)[..., :per_group].reshape(images, positions, n)


def _padded(values: Any, more: int) -> Any:
    """Return the values with `more` values below all others behind the last axis."""
    if isinstance(values, np.ndarray):
        lowest = -np.inf if values.dtype.kind == "f" else np.iinfo(values.dtype).min
        return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, more)], constant_values=lowest)
    import torch.nn.functional as F

    return F.pad(values, (0, more), value=float("-inf"))


def _kth_smallest(values: Any, k: int) -> Any:
    """Return the k-th smallest (from 1) of the last axis, which stays with size 1."""
    if isinstance(values, np.ndarray):
        return np.partition(values, k - 1, axis=-1)[..., k - 1 : k]
    import torch

    # On a CPU NumPy's selection is faster than PyTorch's.
    if values.device.type != "cpu" or values.dtype != torch.float32:
        return values.kthvalue(k, dim=-1, keepdim=True).values
    return torch.from_numpy(np.ascontiguousarray(_kth_smallest(values.detach().numpy(), k)))
