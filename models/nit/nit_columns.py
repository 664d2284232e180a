"""The attacks of the NIT paper (section 4.1), those a stochastic defence must face too, and the accuracy under each.

A column of the tables is an attack of accelsim.nn.attacks and how its attacker sees the spiking network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from accelsim.nn.attacks import BIM, DIM, FGSM, MIFGSM, PGD, TIM, Attack, Clean, NAttack, RandomSigns
from accelsim.nn.data.idx import DigitSet
from models.nit.spiking_target import SpikingTarget

EPS, STEP, STEPS, MOMENTUM = 0.1, 0.01, 15, 0.9
"""The paper's largest change of a pixel, step size, number of steps, and momentum."""

EOT_DRAWS = 20
PREDICTION_DRAWS = 20
NARROW, WIDE = 0.1, 2.0
"""Widths of the surrogate for an attacker who chooses another than the network was trained or is attacked with."""

WIDTHS = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0)
CHUNK = 250
"""Images at a time."""


@dataclass(frozen=True)
class NitColumn:
    """An attack, and how its attacker sees the network; `transfer` attacks the undefended network (STBP) instead."""

    name: str
    attack: Attack
    draws: int = 1
    width: float | None = None
    by_ratio: bool = False
    transfer: bool = False

    @property
    def needs_noise(self) -> bool:
        """Whether a network without noise cannot be attacked so."""
        return self.by_ratio

    def perturb(self, target: SpikingTarget, substitute: SpikingTarget, x: Tensor, labels: Tensor) -> Tensor:
        """Return the attacked images, shaped as x (N, pixels); all draws are from the target's generator."""
        attacked = replace(substitute if self.transfer else target, generator=target.generator)
        # A network without noise has one draw only.
        seen = replace(attacked, draws=self.draws, width=self.width, by_ratio=self.by_ratio)
        return self.attack.perturb(seen, x, labels, target.generator)

    def accuracy(
        self, target: SpikingTarget, substitute: SpikingTarget, data: DigitSet, index: Tensor
    ) -> float:
        """Return the per cent of the images `index` that one draw still classifies correctly when attacked."""
        right = 0.0
        # NAttack holds 100 copies of each image.
        chunk = 50 if isinstance(self.attack, NAttack) else CHUNK
        for part in torch.split(index, chunk):
            images, labels = data.take(part)
            attacked = self.perturb(target, substitute, images, labels)
            right += target.accuracy(attacked, labels) * len(labels)
        return 100.0 * right / len(index)


_PGD = PGD(eps=EPS, step=STEP, steps=STEPS)
_FGSM = FGSM(eps=EPS)
_MIM = {"eps": EPS, "step": STEP, "steps": STEPS, "momentum": MOMENTUM}

PAPER = (
    NitColumn("clean", Clean()),
    NitColumn("fgsm", _FGSM),
    NitColumn("bim", BIM(eps=EPS, step=STEP, steps=STEPS)),
    NitColumn("pgd", _PGD),
    NitColumn("mim", MIFGSM(**_MIM)),  # type: ignore[arg-type]
    NitColumn("nattack", NAttack(eps=EPS)),
    NitColumn("dim", DIM(**_MIM)),  # type: ignore[arg-type]
    NitColumn("tim", TIM(**_MIM)),  # type: ignore[arg-type]
)
EXTRA = (
    NitColumn("pgd-narrow", _PGD, width=NARROW),
    NitColumn("pgd-wide", _PGD, width=WIDE),
    NitColumn("eot-pgd", _PGD, draws=EOT_DRAWS),
    NitColumn("eot-pgd-wide", _PGD, draws=EOT_DRAWS, width=WIDE),
    NitColumn("lr-fgsm", _FGSM, by_ratio=True),
    NitColumn("lr-pgd", _PGD, by_ratio=True),
    NitColumn("transfer-pgd", _PGD, transfer=True),
)
ALL = PAPER + EXTRA
PAPER_COLUMNS = tuple(column.name for column in PAPER)
EXTRA_COLUMNS = tuple(column.name for column in EXTRA)

BLIND = (
    NitColumn("clean", Clean()),
    NitColumn("random", RandomSigns(eps=EPS)),
    NitColumn("nattack, pixels", NAttack(eps=EPS, space="pixels")),
)
"""What asks for no gradient."""


def pgd_of_width(width: float) -> NitColumn:
    """Return PGD through a surrogate of that width, which is its name."""
    return NitColumn(f"{width:g}", _PGD, width=width)


def by_width(target: SpikingTarget, data: DigitSet, index: Tensor) -> dict[str, float]:
    """Return how much of a network's robustness is the attacker's choice, in per cent of the images `index`.

    As they are, every pixel moved up or down by eps at random, under NAttack in the space of pixels, and under PGD
    through each of WIDTHS.
    """
    columns = (*BLIND, *map(pgd_of_width, WIDTHS))
    return {column.name: accuracy_from(2, column, target, data, index) for column in columns}


def accuracy_from(
    seed: int, column: NitColumn, target: SpikingTarget, data: DigitSet, index: Tensor
) -> float:
    """Return `NitColumn.accuracy` with all draws from a seed."""
    seeded = replace(target, generator=torch.Generator().manual_seed(seed))
    return column.accuracy(seeded, seeded, data, index)
