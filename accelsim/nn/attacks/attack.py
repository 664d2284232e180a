"""What every attack is: parameters, what it needs of a network, and one method that returns attacked images.

Attacks along the sign of a gradient share `IteratedAttack.steps_along`: FGSM (Goodfellow et al. 2015), BIM (Kurakin et al.
2016), PGD (Madry et al. 2018), MIFGSM or MIM (Dong et al. 2018) and those built on it.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from accelsim.errors import AccelsimError
from accelsim.nn.attacks.target import Target
from accelsim.nn.base.random_module import is_random

Norm = Literal["linf", "l2"]
Prefix = Literal["transfer", "eot", "bpda"]

PAPER_EPS = 8 / 255
PAPER_STEP = 2 / 255
_IN_TRAINING = "{}: the model is in training mode; call model.eval() first"
_ROUNDING = 1e-5
"""Of pixels, in float32: x + eps - x is not eps."""


@dataclass(frozen=True)
class Attack(ABC):
    """An attack: a subclass is a dataclass of its parameters, and keeps `perturb`.

    Attributes:
        model: What `attack(x, labels)` attacks: a module, or a target with draws and gradients of its own. None where
            `perturb` gets a target each time.
    """

    model: nn.Module | Target | None = field(default=None, repr=False, compare=False)

    norm: ClassVar[Norm | None] = None
    """What the change of an image is bounded or measured in."""
    needs_gradient: ClassVar[bool] = True
    """False for a black-box attack, which sees logits or losses only."""
    is_random: ClassVar[bool] = False
    """Whether it draws from the generator."""
    prefixes: ClassVar[tuple[Prefix, ...]] = ("transfer", "eot", "bpda")
    """What may stand before its name (accelsim.nn.attacks.catalogue)."""
    most: ClassVar[dict[str, int]] = {}
    """Largest value of a parameter that its name holds, by parameter; 999,999 for others."""

    @property
    def bound(self) -> float | None:
        """Largest change of a pixel; None if it is unbounded."""
        return None

    def require(self) -> None:  # noqa: B027
        """Raise AccelsimError unless what it needs is installed; called before hours of other work."""

    @abstractmethod
    def perturb(self, target: Target, x: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Return the attacked images, shaped as x.

        Args:
            target: The network as the attacker sees it.
            x: Images in [0, 1], (N, ...).
            labels: int64 (N,).
            generator: Of the CPU, wherever x lies. All that the attack itself draws comes from it.
        """

    def parameters(self) -> dict[str, Any]:
        """Return all parameters, for JSON."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "model"}

    def __call__(self, x: Tensor, labels: Tensor, *, seed: int = 0) -> Tensor:
        """Return the attacked images of `model`, shaped as x.

        Args:
            x: Images in [0, 1], (N, ...).
            labels: int64 (N,).
            seed: Seed of what the attack draws.

        Raises:
            AccelsimError: There is no model, it is in training mode, x is outside [0, 1], or `perturb` left its bound.
        """
        name = type(self).__name__
        if self.model is None:
            raise AccelsimError(f"{name}: attacks no model; write {name}(model, ...)(x, labels)")
        target = Target.of(self.model)
        if target.network.training:
            raise AccelsimError(_IN_TRAINING.format(name))
        check_attackable(name, target.network, x, labels)
        attacked = within_bounds(
            name, self.bound, x, self.perturb(target, x, labels, torch.Generator().manual_seed(seed))
        )
        # A random network's draws are not to depend on this look at it, and its gradients are hardly ever all zero.
        if self.needs_gradient and not is_random(target.network):
            zero = int(target.has_zero_gradient(x, labels).sum())
            if zero:
                warnings.warn(f"{name}: {zero_gradients(zero, len(x))}", stacklevel=2)
        return attacked


@dataclass(frozen=True, kw_only=True)
class LinfAttack(Attack):
    """An attack that changes no pixel by more than `eps`."""

    eps: float = PAPER_EPS
    norm: ClassVar[Norm | None] = "linf"

    @property
    def bound(self) -> float | None:
        """Largest change of a pixel."""
        return self.eps


@dataclass(frozen=True, kw_only=True)
class IteratedAttack(LinfAttack):
    """Steps along the sign of a direction, each brought back to the ball of `eps` around the image and to [0, 1]."""

    step: float = PAPER_STEP
    steps: int = 20
    most: ClassVar[dict[str, int]] = {"steps": 100_000}

    def steps_along(self, direction: Callable[[Tensor], Tensor], x: Tensor, start: Tensor) -> Tensor:
        """Return the images after all steps along `direction(images)` from `start`, in the ball around x."""
        at = start
        for _ in range(self.steps):
            at = at + self.step * direction(at)
            at = (x + (at - x).clamp(-self.eps, self.eps)).clamp(0.0, 1.0)
        return at


def check_attackable(name: str, network: nn.Module, x: Tensor, labels: Tensor) -> None:
    """Check what every attack of a finished network takes for granted.

    Args:
        name: Of the attack, for messages.
        network: The network that is run.
        x: Images, (N, ...).
        labels: int64 (N,).

    Raises:
        AccelsimError: A batch normalization or dropout of the network is in training mode, so that the attack would
            change it, or meet another network; x is empty or outside [0, 1]; or there is not one label per image.
    """
    if any(module.training for module in network.modules() if isinstance(module, _BatchNorm | _DropoutNd)):
        raise AccelsimError(_IN_TRAINING.format(name))
    # Written so that a NaN fails.
    if not (len(x) and float(x.amin()) >= 0.0 and float(x.amax()) <= 1.0):
        raise AccelsimError(f"{name}: x must be images in [0, 1]; put a normalization into the model")
    if labels.shape != x.shape[:1]:
        raise AccelsimError(f"{name}: labels are {tuple(labels.shape)}, must be ({len(x)},), one per image")


def zero_gradients(zero: int, images: int) -> str:
    """Return what zero gradients mean, in words."""
    return (
        f"the gradient is zero for {zero} of {images} images, so an attack along it does nothing there: gradients are "
        "masked, and accuracy under it is no robustness; try pgd20-margin, square or autoattack"
    )


def per_image(values: Tensor, images: Tensor) -> Tensor:
    """Return (N,) as (N, 1, ...), to be broadcast over images (N, ...)."""
    return values.reshape(-1, *[1] * (images.ndim - 1))


def within_bounds(name: str, bound: float | None, x: Tensor, attacked: Tensor) -> Tensor:
    """Return `attacked`, the images that an attack made of x.

    Raises:
        AccelsimError: They lie outside [0, 1] or further than `bound` from x: no such image is ever counted, whoever
            wrote the attack.
    """
    most = torch.inf if bound is None else bound + _ROUNDING
    change = float((attacked - x).abs().amax())
    # Written so that a NaN fails.
    if not (change <= most and float(attacked.amin()) >= 0.0 and float(attacked.amax()) <= 1.0):
        raise AccelsimError(
            f"attack {name}: gave images that are not finite, outside [0, 1] or beyond its eps (largest change "
            f"{255 * change:.3f}/255)"
        )
    return attacked
