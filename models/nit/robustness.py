"""Accuracy of a spiking network under the paper's attacks, and under those a stochastic defence must face too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from accelsim.errors import AccelsimError
from accelsim.nn.spiking.spiking_networks import SpikingNetwork
from models.nit import attacks
from models.nit.attacks import Budget, Gradient
from models.nit.estimator import centred, input_gradient
from models.nit.nit_losses import cross_entropy

PAPER_COLUMNS = ("clean", "fgsm", "bim", "pgd", "mim", "nattack", "dim", "tim")
EXTRA_COLUMNS = ("pgd-narrow", "pgd-wide", "eot-pgd", "eot-pgd-wide", "lr-fgsm", "lr-pgd", "transfer-pgd")
COLUMNS = PAPER_COLUMNS + EXTRA_COLUMNS
NOISE_COLUMNS = ("lr-fgsm", "lr-pgd")
"""Attacks that need the network to have noise."""

EOT_DRAWS = 20
NARROW, WIDE = 0.1, 2.0
"""Widths of the surrogate for an attacker who chooses another than the network was trained or is attacked with."""

LR_REPLICATIONS = 100
PREDICTION_DRAWS = 20


@dataclass(frozen=True)
class Target:
    """A network as it is attacked and used: with its noise or without, and the loss its training had."""

    network: SpikingNetwork
    noisy: bool
    loss_scale: float = 1.0

    def losses(self, x: Tensor, labels: Tensor, draws: int, generator: torch.Generator) -> Tensor:
        """(N, draws)."""
        outputs = self.network.run(x, draws, generator, noisy=self.noisy).outputs
        return cross_entropy(outputs, labels, self.loss_scale)

    @torch.no_grad()
    def accuracy(self, x: Tensor, labels: Tensor, generator: torch.Generator, draws: int = 1) -> float:
        """Share of images whose class scores, averaged over `draws` passes, are highest at the label."""
        outputs = self.network.run(x, draws, generator, noisy=self.noisy).outputs.mean(dim=1)
        return float((outputs.argmax(dim=1) == labels).to(torch.float64).mean())


def surrogate_gradient(
    target: Target, draws: int, generator: torch.Generator, width: float | None = None
) -> Gradient:
    """d loss / d x through the rectangular surrogate, averaged over `draws` of the noise.

    width: of the surrogate, if not the network's own.
    """
    network = target.network
    own = network.surrogate_width if width is None else width

    def gradient(x: Tensor, labels: Tensor) -> Tensor:
        with torch.enable_grad(), network.surrogate(own):
            at = x.detach().requires_grad_()
            loss = target.losses(at, labels, draws, generator).mean(dim=1).sum()
        (back,) = torch.autograd.grad(loss, at)
        return back

    return gradient


def likelihood_ratio_gradient(target: Target, replications: int, generator: torch.Generator) -> Gradient:
    """d E[loss] / d x by likelihood ratios: right for a Heaviside network, though noisy. Needs noise.

    Raises AccelsimError for a network that gets its image as random spikes: x then moves no mean of the noise.
    """
    if target.network.encoding != "current":
        raise AccelsimError(
            f"encoding: {target.network.encoding}, must be current for a likelihood-ratio gradient of the input"
        )

    @torch.no_grad()
    def gradient(x: Tensor, labels: Tensor) -> Tensor:
        seen = target.network.run(x, replications, generator, record=True, antithetic=True)
        weights = centred(cross_entropy(seen.outputs, labels, target.loss_scale), antithetic=True)
        return input_gradient(target.network.noisy_layers()[0], seen.records[0], weights)

    return gradient


def loss_of_one_draw(target: Target, generator: torch.Generator) -> attacks.Loss:
    """All that a black-box attacker sees of a network: the losses (N,) of one pass each."""

    @torch.no_grad()
    def loss(x: Tensor, labels: Tensor) -> Tensor:
        return target.losses(x, labels, 1, generator)[:, 0]

    return loss


def adversarial(
    column: str,
    target: Target,
    substitute: Target,
    x: Tensor,
    labels: Tensor,
    budget: Budget,
    generator: torch.Generator,
) -> Tensor:
    """The attacked images of one column of COLUMNS, x (N, pixels) in [0, 1]; NOISE_COLUMNS need a noisy target.

    substitute: the undefended network (STBP) that the transfer attack is made on.
    """
    one = surrogate_gradient(target, 1, generator)
    draws = EOT_DRAWS if target.noisy else 1

    def by_ratio() -> Gradient:
        return likelihood_ratio_gradient(target, LR_REPLICATIONS, generator)

    def pgd(gradient: Gradient) -> Tensor:
        return attacks.pgd(gradient, x, labels, budget, generator)

    made: dict[str, Callable[[], Tensor]] = {
        "clean": lambda: x,
        "fgsm": lambda: attacks.fgsm(one, x, labels, budget),
        "bim": lambda: attacks.bim(one, x, labels, budget),
        "pgd": lambda: pgd(one),
        "mim": lambda: attacks.mim(one, x, labels, budget),
        "nattack": lambda: attacks.nattack(loss_of_one_draw(target, generator), x, labels, budget, generator),
        "dim": lambda: attacks.dim(one, x, labels, budget, generator),
        "tim": lambda: attacks.tim(one, x, labels, budget),
        "pgd-narrow": lambda: pgd(surrogate_gradient(target, 1, generator, NARROW)),
        "pgd-wide": lambda: pgd(surrogate_gradient(target, 1, generator, WIDE)),
        "eot-pgd": lambda: pgd(surrogate_gradient(target, draws, generator)),
        "eot-pgd-wide": lambda: pgd(surrogate_gradient(target, draws, generator, WIDE)),
        "lr-fgsm": lambda: attacks.fgsm(by_ratio(), x, labels, budget),
        "lr-pgd": lambda: pgd(by_ratio()),
        "transfer-pgd": lambda: pgd(surrogate_gradient(substitute, 1, generator)),
    }
    return made[column]()
