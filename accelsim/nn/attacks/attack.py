"""One attack with all of its parameters, of whichever kind, and how it is run."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from accelsim.errors import AccelsimError
from accelsim.nn.attacks import linf
from accelsim.nn.attacks.autoattack import AutoAttack, autoattack
from accelsim.nn.attacks.bpda import precise_backward
from accelsim.nn.attacks.carlini_wagner import CarliniWagner, carlini_wagner
from accelsim.nn.attacks.linf import Budget, Gradient
from accelsim.nn.attacks.square import Square, square
from accelsim.nn.attacks.target import LossName, Target

Box = Literal["none", "white", "black"]


@dataclass(frozen=True)
class SignAttack:
    """An attack of accelsim.nn.attacks.linf, on what, and by which gradient."""

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
        """Whether it attacks another network and carries the images over."""
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
    gradient = _finite(target.gradient(setting.draws, setting.loss))
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


def _finite(gradient: Gradient) -> Gradient:
    """The gradient, refused where it is not finite: the sign of NaN is 0, so the attack would leave the image as it is."""

    def checked(x: Tensor, labels: Tensor) -> Tensor:
        found = gradient(x, labels)
        if not torch.isfinite(found).all():
            raise AccelsimError("attack: the network's gradients are not all finite, so nothing is attacked")
        return found

    return checked
