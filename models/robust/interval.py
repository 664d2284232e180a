"""95 % intervals: of a share (Wilson's), and of the mean difference of two accuracies on the same images."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, variance

Z_95 = 1.959964
"""Of the normal distribution: 95 % lie within so many standard deviations."""


def wilson(share: float, count: int) -> tuple[float, float]:
    """(low, high) of the 95 % interval of a share seen in `count` (at least 1) independent trials.

    For a mean over draws of each image's noise it is wider than need be: images then vary less than all or nothing.
    """
    z2 = Z_95 * Z_95 / count
    middle = share + z2 / 2
    half = sqrt(z2) * sqrt(share * (1 - share) + z2 / 4)
    return max(0.0, (middle - half) / (1 + z2)), min(1.0, (middle + half) / (1 + z2))


def paired(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """(mean, low, high) of ours - theirs, accuracies of the same images (at least 2): the mean +- 1.96 standard errors."""
    differences = [our - their for our, their in zip(ours, theirs, strict=True)]
    middle = fmean(differences)
    half = Z_95 * sqrt(variance(differences) / len(differences))
    return middle, middle - half, middle + half
