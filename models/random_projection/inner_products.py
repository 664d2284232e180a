"""Inner products of projected vectors, under the two projections that the paper's section 3.3 speaks of."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor

from accelsim.errors import AccelsimError
from accelsim.nn.base.seeds import check_seed
from accelsim.nn.layers.projection import projection_scale, ternary_signs

Kind = Literal["gaussian", "ternary"]
KINDS: tuple[str, ...] = get_args(Kind)


def projection(kind: Kind, k: int, d: int, seed: int) -> Tensor:
    """P with the factor 1 / sqrt(k) of Theorem 1 inside: float32 (k, d), E |P x|^2 = |x|^2.

    gaussian: normal entries. ternary: the one that is built, -1, 0, +1 with probabilities 1/6, 2/3, 1/6 (Achlioptas 2003).
    The same seed gives the same matrix. Raises AccelsimError for an unknown kind, a size below 1, or a bad seed.
    """
    check_seed("projection", seed)
    if min(k, d) < 1:
        raise AccelsimError(f"projection: {k} x {d}, both must be at least 1")
    if kind == "ternary":
        return ternary_signs(k, d, seed) * projection_scale(k)
    if kind == "gaussian":
        return torch.randn(k, d, generator=torch.Generator().manual_seed(seed)) / math.sqrt(k)
    raise AccelsimError(f"projection: kind is {kind!r}, must be {' or '.join(KINDS)}")


def relative_errors(x: Tensor, w: Tensor, p: Tensor) -> Tensor:
    """(<P x_i, P w_j> - <x_i, w_j>) / (|x_i| |w_j|) of all pairs.

    x: (inputs, d), w: (neurons, d), p: (k, d); result (inputs, neurons). Relative to the norms, as the theorem is: its
    appendix (Eq. 15) bounds the error by a share of (|x|^2 + |w|^2) / 2, which is 1 for vectors of length 1. A vector of
    zeros has error 0.
    """
    x, w = torch.nn.functional.normalize(x), torch.nn.functional.normalize(w)
    return (x @ p.T) @ (w @ p.T).T - x @ w.T
