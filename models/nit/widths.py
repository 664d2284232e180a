"""How much of a network's robustness is the attacker's choice: PGD through surrogates of several widths, and NAttack
in the space of pixels as well as in the one it was published with."""

from __future__ import annotations

import torch
from torch import Tensor

from accelsim.nn.data.idx import DigitSet
from models.nit import attacks
from models.nit.attacks import Budget
from models.nit.robustness import Target, loss_of_one_draw, surrogate_gradient

WIDTHS = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0)
PIXELS = "nattack, pixels"
BLIND = ("clean", "random", PIXELS)
"""What asks for no gradient."""

CHUNK = 250
NATTACK_CHUNK = 50


def by_width(target: Target, data: DigitSet, index: Tensor) -> dict[str, float]:
    """Per cent of right answers on the images `index`: as they are, every pixel moved up or down by eps at random, under
    NAttack in the space of pixels, and under PGD through each of WIDTHS."""
    found = {attack: _accuracy(target, data, index, attack) for attack in BLIND}
    return found | {f"{width:g}": pgd_accuracy(target, data, index, width) for width in WIDTHS}


def pgd_accuracy(target: Target, data: DigitSet, index: Tensor, width: float) -> float:
    """Per cent of right answers under PGD through a surrogate of that width."""
    return _accuracy(target, data, index, width)


def _accuracy(target: Target, data: DigitSet, index: Tensor, attack: str | float) -> float:
    """attack: one of BLIND, or the width of PGD's surrogate."""
    generator = torch.Generator().manual_seed(2)
    right = 0.0
    for part in torch.split(index, NATTACK_CHUNK if attack == PIXELS else CHUNK):
        images, labels = data.take(part)
        images = _attacked(target, images, labels, attack, generator)
        right += target.accuracy(images, labels, generator) * len(part)
    return 100.0 * right / len(index)


def _attacked(
    target: Target, images: Tensor, labels: Tensor, attack: str | float, generator: torch.Generator
) -> Tensor:
    budget = Budget()
    if isinstance(attack, float):
        gradient = surrogate_gradient(target, 1, generator, attack)
        return attacks.pgd(gradient, images, labels, budget, generator)
    if attack == PIXELS:
        loss = loss_of_one_draw(target, generator)
        return attacks.nattack(loss, images, labels, budget, generator, space="pixels")
    if attack == "random":
        signs = torch.randint(0, 2, images.shape, generator=generator) * 2.0 - 1.0
        return (images + budget.eps * signs).clamp(0.0, 1.0)
    return images
