"""Attacks by name, each with all of its parameters; the ones of the paper, and the ones it should have faced.

    clean           no attack
    fgsm, mifgsm    eps 8/255; MIFGSM: 5 steps of 2/255, decay 1
    pgd20           20 steps of 2/255 from a random point of the ball of eps 8/255
    cw-l2           the L2 attack, c = 1e-4 (torchattacks' default until 3.3), 1,000 steps of 0.01; cw-l2-c1: c = 1
    autoattack      standard AutoAttack; autoattack-rand: its version for random networks
    square          black box, 5,000 queries

Before `pgd`, `fgsm` and `mifgsm` may stand, in this order, `transfer-` (gradients of the undefended network), `eot10-`
(mean gradients of 10 draws of the noise) and `bpda-` (models.attacks.bpda). After pgd's steps `-margin` (the loss of Carlini
and Wagner instead of cross-entropy) and `-r5` (the best of 5 random starts). `@12` at the end: eps 12/255.
"""

from __future__ import annotations

import re
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from accelsim.errors import AccelsimError
from models.attacks import linf
from models.attacks.autoattack import AutoAttack, autoattack
from models.attacks.bpda import precise_backward
from models.attacks.carlini_wagner import CarliniWagner, carlini_wagner
from models.attacks.linf import Budget
from models.attacks.square import Square, square
from models.attacks.target import LossName, Target

Box = Literal["none", "white", "black"]

PAPER = ("clean", "pgd20", "fgsm", "mifgsm", "cw-l2", "autoattack")
"""The columns of the paper's tables."""

ADAPTIVE = ("eot10-pgd20", "pgd100-r5", "bpda-pgd20", "eot10-bpda-pgd20", "transfer-pgd20", "square")
"""What a random, quantized defence must face besides."""

MAX_STEPS, MAX_DRAWS, MAX_RESTARTS, MAX_EPS_255 = 100_000, 10_000, 1_000, 255

_NAME = re.compile(
    r"(?P<transfer>transfer-)?(?:eot(?P<draws>\d{1,6})-)?(?P<bpda>bpda-)?"
    r"(?:pgd(?P<steps>\d{1,6})(?P<margin>-margin)?(?:-r(?P<restarts>\d{1,6}))?|(?P<mifgsm>mifgsm)|(?P<fgsm>fgsm))"
)


@dataclass(frozen=True)
class SignAttack:
    """An attack of models.attacks.linf, on what, and by which gradient."""

    method: Literal["fgsm", "mifgsm", "pgd"]
    budget: Budget
    draws: int = 1
    restarts: int = 1
    loss: LossName = "cross-entropy"
    bpda: bool = False
    transfer: bool = False


Setting = SignAttack | CarliniWagner | Square | AutoAttack | None


@dataclass(frozen=True)
class Attack:
    """An attack with its parameters; None attacks nothing."""

    name: str
    setting: Setting

    @property
    def box(self) -> Box:
        """Black if the attacker sees no gradients of the network."""
        if self.setting is None:
            return "none"
        if isinstance(self.setting, Square) or (
            isinstance(self.setting, SignAttack) and self.setting.transfer
        ):
            return "black"
        return "white"

    @property
    def is_bounded(self) -> bool:
        """True if it stays in a ball of the largest pixel change: only these may be compared with each other."""
        return not isinstance(self.setting, CarliniWagner)

    @property
    def eps(self) -> float | None:
        """Largest change of a pixel; None if unbounded, 0 for no attack."""
        if self.setting is None:
            return 0.0
        if isinstance(self.setting, SignAttack):
            return self.setting.budget.eps
        return None if isinstance(self.setting, CarliniWagner) else self.setting.eps

    @property
    def needs_substitute(self) -> bool:
        return isinstance(self.setting, SignAttack) and self.setting.transfer

    def parameters(self) -> dict[str, Any]:
        """All parameters, for JSON."""
        if self.setting is None:
            return {}
        return {"kind": type(self.setting).__name__, **asdict(self.setting)}

    def __call__(
        self, target: Target, substitute: Target, x: Tensor, labels: Tensor, generator: torch.Generator
    ) -> Tensor:
        """The attacked images, shaped as x; x (N, channels, h, w) in [0, 1], labels (N,).

        substitute: the undefended network, for transfer attacks. generator: of the CPU.
        """
        setting = self.setting
        if setting is None:
            return x
        if isinstance(setting, CarliniWagner):
            return carlini_wagner(target, x, labels, setting)
        if isinstance(setting, Square):
            return square(target, x, labels, setting, generator)
        if isinstance(setting, AutoAttack):
            return autoattack(target, x, labels, setting, generator)
        return _by_sign(setting, substitute if setting.transfer else target, x, labels, generator)


def _by_sign(
    setting: SignAttack, target: Target, x: Tensor, labels: Tensor, generator: torch.Generator
) -> Tensor:
    gradient = target.gradient(setting.draws, setting.loss)
    with precise_backward(target.network) if setting.bpda else nullcontext():
        if setting.method == "fgsm":
            return linf.fgsm(gradient, x, labels, setting.budget)
        if setting.method == "mifgsm":
            return linf.mim(gradient, x, labels, setting.budget)
        best = linf.pgd(gradient, x, labels, setting.budget, generator)
        if setting.restarts == 1:
            return best
        reached = target.margins(best, labels, setting.draws)
        for _ in range(setting.restarts - 1):
            tried = linf.pgd(gradient, x, labels, setting.budget, generator)
            got = target.margins(tried, labels, setting.draws)
            better = got > reached
            best = torch.where(better.reshape(-1, *[1] * (x.ndim - 1)), tried, best)
            reached = torch.where(better, got, reached)
        return best


def attack_named(name: str) -> Attack:
    """The attack of a name (module docstring). Raises AccelsimError for an unknown name or a number out of range."""
    base, at, amount = name.partition("@")
    if at and not (amount.isascii() and amount.isdigit() and 1 <= int(amount) <= MAX_EPS_255):
        raise AccelsimError(
            f"attack {name!r}: eps is {amount!r}, must be 1 to {MAX_EPS_255} (of 255) after '@'"
        )
    eps = (int(amount) if at else 8) / 255
    fixed: dict[str, Setting] = {
        "clean": None,
        "cw-l2": CarliniWagner(),
        "cw-l2-c1": CarliniWagner(c=1.0),
        "square": Square(eps),
        "autoattack": AutoAttack(eps),
        "autoattack-rand": AutoAttack(eps, "rand"),
    }
    if base in fixed:
        if at and not hasattr(fixed[base], "eps"):
            raise AccelsimError(f"attack {name!r}: {base} has no eps; leave '@{amount}' out")
        return Attack(name, fixed[base])
    found = _NAME.fullmatch(base)
    if found is None:
        raise AccelsimError(
            f"attack {name!r} is unknown; allowed: {', '.join(fixed)}, fgsm, mifgsm, pgd20, and these with "
            "transfer-, eot10-, bpda- before, -margin, -r5 after pgd's steps, @12 at the end"
        )
    return Attack(name, _sign_setting(name, found, eps))


def _sign_setting(name: str, found: re.Match[str], eps: float) -> SignAttack:
    def number(group: str, most: int) -> int:
        value = 1 if found[group] is None else int(found[group])
        if not 1 <= value <= most:
            raise AccelsimError(f"attack {name!r}: {group} is {value}, must be 1 to {most}")
        return value

    budget = Budget(eps=eps, step=2 / 255, steps=1, momentum=1.0)
    setting = SignAttack(
        "fgsm",
        replace(budget, step=eps),
        draws=number("draws", MAX_DRAWS),
        bpda=found["bpda"] is not None,
        transfer=found["transfer"] is not None,
    )
    if found["mifgsm"]:
        return replace(setting, method="mifgsm", budget=replace(budget, steps=5))
    if found["steps"]:
        return replace(
            setting,
            method="pgd",
            budget=replace(budget, steps=number("steps", MAX_STEPS)),
            restarts=number("restarts", MAX_RESTARTS),
            loss="margin" if found["margin"] else "cross-entropy",
        )
    return setting
