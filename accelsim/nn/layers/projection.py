"""Sparse ternary random projection P (Achlioptas 2003; paper section 3.3 with s = 3)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from accelsim.errors import AccelsimError

MIN_K = 16
K_MULTIPLE = 8


def projection_size(d: int, k_ratio: float) -> int:
    """Rows k of P for d input words: k_ratio * d rounded up to a multiple of 8, at least 16, at most d."""
    if not 0.0 < k_ratio <= 1.0:
        raise AccelsimError(f"k_ratio: {k_ratio}, must be above 0 and at most 1")
    return min(d, max(MIN_K, K_MULTIPLE * math.ceil(k_ratio * d / K_MULTIPLE)))


def ternary_signs(k: int, d: int, seed: int) -> Tensor:
    """The signs of P: int8 (k, d), -1 and +1 with probability 1/6 each, 0 with 2/3.

    P itself is `projection_scale(k)` times this matrix. The draw is of integers from the CPU generator, so
    the same seed gives the same matrix on every machine and device.
    """
    draw = torch.randint(0, 6, (k, d), generator=torch.Generator().manual_seed(seed), dtype=torch.int8)
    return (draw == 0).to(torch.int8) - (draw == 1).to(torch.int8)


def projection_scale(k: int) -> float:
    """sqrt(s / k) with s = 3: it makes E |Px|^2 = |x|^2."""
    return math.sqrt(3.0 / k)
