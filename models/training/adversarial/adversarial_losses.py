"""What a step minimizes: cross-entropy on PGD's images, TRADES, or plain; and AWP, which moves the weights first.

PGD attacks in train mode, as Rice et al. (2020) do; TRADES attacks in eval mode, as its authors do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from accelsim.nn.attacks.pgd import PGD
from accelsim.nn.attacks.target import LossName, Target
from models.training.adversarial.adversarial_recipe import AdversarialRecipe

TRADES_START = 0.001
"""Standard deviation of TRADES' first change, in units of [0, 1]."""


def adversarial_images(
    network: nn.Module, x: Tensor, labels: Tensor, recipe: AdversarialRecipe, generator: torch.Generator
) -> Tensor:
    """The attacked batch that the loss needs, shaped as x; x itself for `plain`. generator: of the CPU."""
    pgd = attack_of(recipe)
    if recipe.loss == "plain":
        return x
    if recipe.loss == "pgd":
        return pgd.perturb(_InTraining(network), x, labels, generator)
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            natural = F.log_softmax(network(x).float(), dim=1)
        start = (x + TRADES_START * torch.randn(x.shape, generator=generator).to(x.device)).clamp(0.0, 1.0)
        return pgd.steps_along(lambda at: _divergence_gradient(network, at, natural).sign(), x, start)
    finally:
        network.train(training)


def attack_of(recipe: AdversarialRecipe) -> PGD:
    """Return the recipe's PGD."""
    attack = recipe.attack
    return PGD(eps=attack.eps_255 / 255, step=attack.step_255 / 255, steps=attack.steps)


class _InTraining(Target):
    """A network whose gradients may overflow: the loss is checked once per step, and costs no synchronization."""

    def finite_gradient(self, x: Tensor, labels: Tensor, loss: LossName = "cross-entropy") -> Tensor:
        return self.gradient(x, labels, loss)


def loss_of(
    network: nn.Module, x: Tensor, attacked: Tensor, labels: Tensor, recipe: AdversarialRecipe
) -> tuple[Tensor, Tensor]:
    """(mean loss, logits of the attacked images): what the step descends, and what its accuracy is counted on."""
    logits = network(attacked).float()
    if recipe.loss != "trades":
        return F.cross_entropy(logits, labels), logits
    clean = network(x).float()
    divergence = _divergence(logits, F.log_softmax(clean, dim=1)) / len(x)
    return F.cross_entropy(clean, labels) + recipe.trades_beta * divergence, logits


@contextmanager
def perturbed_weights(parameters: Sequence[nn.Parameter], loss: Tensor, gamma: float) -> Iterator[None]:
    """AWP: inside, every weight of two axes and more stands gamma * |w| * g / |g| further, g its gradient of `loss`.

    The gradients of the loss at that place are then applied to the weights as they were.
    """
    weights = [parameter for parameter in parameters if parameter.ndim >= 2 and parameter.requires_grad]
    gradients = torch.autograd.grad(loss, weights, allow_unused=True)
    before = [weight.detach().clone() for weight in weights]
    try:
        with torch.no_grad():
            for weight, gradient in zip(weights, gradients, strict=True):
                if gradient is not None:
                    weight.add_(gradient * (gamma * weight.norm() / gradient.norm().clamp_min(1e-12)))
        yield
    finally:
        with torch.no_grad():
            for weight, value in zip(weights, before, strict=True):
                weight.copy_(value)


def _divergence(logits: Tensor, target: Tensor) -> Tensor:
    """KL(softmax(target) | softmax(logits)), summed over the batch; target: log-probabilities.

    Probabilities themselves may be 0, where the gradient of their logarithm is NaN.
    """
    return F.kl_div(F.log_softmax(logits, dim=1), target, reduction="sum", log_target=True)


def _divergence_gradient(network: nn.Module, at: Tensor, target: Tensor) -> Tensor:
    with torch.enable_grad():
        source = at.detach().requires_grad_()
        value = _divergence(network(source).float(), target)
    (back,) = torch.autograd.grad(value, source)
    return back
