"""How much of a network's robustness is the attacker's choice of surrogate: PGD through rectangles of several widths."""

from __future__ import annotations

import torch
from torch import Tensor

from models.data.idx import DigitSet
from models.nit import attacks
from models.nit.attacks import Budget
from models.nit.robustness import Target, surrogate_gradient

WIDTHS = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0)
CHUNK = 250


def by_width(target: Target, data: DigitSet, index: Tensor) -> dict[str, float]:
    """Per cent of right answers on the images `index`: as they are, every pixel moved up or down by eps at random, and
    under PGD through each of WIDTHS."""
    found = {
        "clean": _accuracy(target, data, index, "clean"),
        "random": _accuracy(target, data, index, "random"),
    }
    return found | {f"{width:g}": pgd_accuracy(target, data, index, width) for width in WIDTHS}


def pgd_accuracy(target: Target, data: DigitSet, index: Tensor, width: float) -> float:
    """Per cent of right answers under PGD through a surrogate of that width."""
    return _accuracy(target, data, index, width)


def _accuracy(target: Target, data: DigitSet, index: Tensor, attack: str | float) -> float:
    generator, budget = torch.Generator().manual_seed(2), Budget()
    right = 0.0
    for part in torch.split(index, CHUNK):
        images, labels = data.take(part)
        if attack == "random":
            signs = torch.randint(0, 2, images.shape, generator=generator) * 2.0 - 1.0
            images = (images + budget.eps * signs).clamp(0.0, 1.0)
        elif isinstance(attack, float):
            gradient = surrogate_gradient(target, 1, generator, attack)
            images = attacks.pgd(gradient, images, labels, budget, generator)
        right += target.accuracy(images, labels, generator) * len(part)
    return 100.0 * right / len(index)
