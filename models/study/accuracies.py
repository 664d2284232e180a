"""From records to accuracies: three numbers per attack, the worst case over attacks, and 95 % intervals.

    one     accuracy of one fresh draw of the noise
    mean    expected accuracy: the mean over the fresh draws
    worst   share of images that every draw classifies correctly

Beside them `ensemble`: the accuracy of all draws together, by their mean softmax.

They are the same for a network without noise. The worst case takes, image by image, the attack that does most harm, among
those bounded by the paper's eps; cw-l2 has no such bound, and a larger eps is another question. Of a random network the
`mean` of the worst case is the least of several estimates from a few draws each, and so a little too low; `one` and `worst`
are lower still by intent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, variance

import numpy as np

from accelsim.nn.attacks.attack import PAPER_EPS
from accelsim.nn.attacks.catalogue import NamedAttack, attack_named
from models.study.records import Correct

NUMBERS = ("one", "mean", "worst")
NEVER_BELOW = 1e-9
"""Rounding of a comparison of two floats that may be equal."""
Z_95 = 1.959964
"""Of the normal distribution: 95 % lie within so many standard deviations."""


@dataclass(frozen=True)
class Numbers:
    """Accuracies in per cent."""

    one: float
    mean: float
    worst: float

    @classmethod
    def of(cls, correct: Correct) -> Numbers:
        """Return those of at least one image."""
        draws = np.array(correct, dtype=bool)
        return cls(100 * draws[:, 0].mean(), 100 * draws.mean(), 100 * draws.all(axis=1).mean())


@dataclass(frozen=True)
class Result:
    """One attack on one variant."""

    variant: str
    attack: str
    images: int
    draws: int
    numbers: Numbers
    mean_l2: float
    ensemble: float | None = None
    """Accuracy in per cent of the ensemble of the draws (the largest mean softmax), RSE's rule; None if not recorded."""


def worst_case(correct: Mapping[str, Correct]) -> Numbers | None:
    """Return the numbers of an attacker who picks the attack for every image; None without an attack to pick.

    Args:
        correct: By name of attack, of the same images. `mean` takes the attack of least expected accuracy.
    """
    counted = [np.array(each, dtype=bool) for name, each in correct.items() if is_bounded(attack_named(name))]
    if len(counted) < 2:
        return None
    one = np.stack([draws[:, 0] for draws in counted]).all(axis=0)
    mean = np.stack([draws.mean(axis=1) for draws in counted]).min(axis=0)
    worst = np.stack([draws.all(axis=1) for draws in counted]).all(axis=0)
    return Numbers(100 * one.mean(), 100 * mean.mean(), 100 * worst.mean())


def is_bounded(attack: NamedAttack) -> bool:
    """Return whether no pixel changes by more than the paper's eps: only such attacks are compared with each other."""
    return attack.eps is not None and attack.eps <= PAPER_EPS + NEVER_BELOW


def wilson(share: float, count: int) -> tuple[float, float]:
    """Return (low, high) of Wilson's 95 % interval of a share seen in `count` (at least 1) independent trials.

    For a mean over draws of each image's noise it is wider than need be: images then vary less than all or nothing.
    """
    z2 = Z_95 * Z_95 / count
    middle = share + z2 / 2
    half = sqrt(z2) * sqrt(share * (1 - share) + z2 / 4)
    return max(0.0, (middle - half) / (1 + z2)), min(1.0, (middle + half) / (1 + z2))


def paired(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """Return (mean, low, high) of ours - theirs: the mean +- 1.96 standard errors.

    Args:
        ours: Accuracies per image, of at least 2 images.
        theirs: Accuracies of the same images.
    """
    differences = [our - their for our, their in zip(ours, theirs, strict=True)]
    middle = fmean(differences)
    half = Z_95 * sqrt(variance(differences) / len(differences))
    return middle, middle - half, middle + half
