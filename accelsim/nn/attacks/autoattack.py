"""AutoAttack (Croce and Hein 2020) from the package pyautoattack, of the extra `attacks`."""

from __future__ import annotations

import importlib
import logging
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.extras import missing_extra
from accelsim.nn.attacks.attack import LinfAttack, Prefix
from accelsim.nn.attacks.registry import register
from accelsim.nn.attacks.target import Target


@register("autoattack")
@register("autoattack-rand", version="rand")
@dataclass(frozen=True, kw_only=True)
class AutoAttack(LinfAttack):
    """The package's ensemble; images that no attack misled are returned as they were.

    It stops at an image that one draw of the noise got wrong, so it overestimates its success on a stochastic network:
    judge it by fresh draws.

    Attributes:
        version: `standard` (APGD-CE, targeted APGD and FAB, Square), or `rand` for random networks (APGD with EOT 20).
    """

    version: Literal["standard", "rand"] = "standard"
    is_random: ClassVar[bool] = True
    prefixes: ClassVar[tuple[Prefix, ...]] = ()

    def require(self) -> None:
        """Raise AccelsimError unless pyautoattack is installed."""
        try:
            importlib.import_module("pyautoattack")
        except ImportError:
            raise missing_extra("attack autoattack", "pyautoattack", "attacks") from None

    def perturb(self, target: Target, x: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Return the attacked images, shaped as x (N, channels, h, w).

        Raises:
            AccelsimError: The package is missing, or the network has fewer than four classes.
        """
        self.require()
        package = importlib.import_module("pyautoattack")
        classes = target.logits(x[:1]).shape[1]
        if classes < 4:
            raise AccelsimError(
                f"attack autoattack: the network has {classes} classes; the DLR loss needs 4 or more"
            )
        seed = int(torch.randint(0, 2**31 - 1, (), generator=generator))
        network = _PlainLayout(target.network)
        with _own_streams(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            adversary = package.AutoAttack(
                network, eps=self.eps, version=self.version, seed=seed, device=x.device
            )
            # Its logger tells of every batch; what it warns of (random networks) is ours to say.
            adversary.logger.setLevel(logging.CRITICAL)
            # By default it aims at nine wrong classes, more than a small data set may have.
            adversary.apgd_targeted.n_target_classes = min(9, classes - 1)
            adversary.fab.n_target_classes = min(9, classes - 1)
            attacked, _ = adversary.run_standard_evaluation(x.contiguous(), labels, batch_size=len(x))
        result: Tensor = attacked.detach()
        return result


class _PlainLayout(nn.Module):
    """The network, with gradients of images laid out in rows: the package views them flat, which channels-last denies."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.network(_RowGradient.apply(x))  # type: ignore[no-untyped-call]
        return logits


class _RowGradient(torch.autograd.Function):
    """The identity, whose gradient is contiguous."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return grads[0].contiguous()


@contextmanager
def _own_streams() -> Iterator[None]:
    """The package seeds the global generators; give them back as they were."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
