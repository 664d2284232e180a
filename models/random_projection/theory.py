"""What is known of the error of an inner product behind a random projection.

Both statements are about vectors of length 1 and P of k rows with independent entries of mean 0 and variance 1 / k.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor

FOURTH_MOMENT = 3.0
"""E p^4 / (E p^2)^2 of an entry of P: 3 for a normal one, and 3 for the ternary one, since its few entries are larger by
sqrt(3). With this value the variance below has no term that depends on single coordinates."""


def predicted_rms(x: Tensor, w: Tensor, k: int) -> float:
    """Root mean square, over P and all pairs, of the error that `inner_products.relative_errors` measures.

    x: (inputs, d), w: (neurons, d). The variance of <P x, P w> is exactly

        (|x|^2 |w|^2 + <x, w>^2 + (m - 3) sum_i x_i^2 w_i^2) / k

    for entries of fourth moment m: a mean of k independent products, each of two sums over the same row of P. Its last
    term is 0 for both kinds of P.
    """
    cosines = F.normalize(x) @ F.normalize(w).T
    return math.sqrt((1 + cosines.square().mean().item()) / k)


def failure_bound(epsilon: float, k: int) -> float:
    """An upper bound on the probability that a pair's error exceeds epsilon (0 to 1), for either kind of P.

    Achlioptas (2003) bounds, for each side, the probability that |P v|^2 leaves (1 +- epsilon) |v|^2 by
    exp(-k / 2 (epsilon^2 / 2 - epsilon^3 / 3)). The paper's appendix needs this of v = x + w and v = x - w, hence 4 times.
    """
    return min(1.0, 4 * math.exp(-k / 2 * _exponent(epsilon)))


def sufficient_k(epsilon: float, pairs: int, failure: float = 0.5) -> int:
    """The least k with which `failure_bound`, summed over all pairs, is at most `failure` (above 0, at most 1).

    This is the theorem's k of the order of log N / epsilon^2, with its constants.
    """
    return math.ceil(2 * math.log(4 * pairs / failure) / _exponent(epsilon))


def _exponent(epsilon: float) -> float:
    return epsilon**2 / 2 - epsilon**3 / 3
