"""Figure 3 of the NIT paper: an ANN's loss and accuracy by epoch, trained by backpropagation, NIT, NIT-S or NIT-S+."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from accelsim.errors import AccelsimError
from accelsim.nn.spiking.noisy_layer import Bounds
from accelsim.nn.spiking.spiking_networks import NoisyPerceptron
from models.nit.estimator import Estimator, Loss, Method, cross_entropy
from models.nit.training import set_lr_gradients

Rule = Literal["bp", "nit", "nit-s", "nit-s+"]
EVALUATION_DRAWS = 20
EVALUATION_BATCH = 1000


@dataclass(frozen=True)
class Images:
    """Pixels float32 (N, inputs) and labels int64 (N,)."""

    pixels: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Epoch:
    """train_loss: mean over the epoch's batches, with noise where there is any. accuracy: of the test images, 0 to 1."""

    train_loss: float
    accuracy: float


@dataclass(frozen=True)
class Schedule:
    """How a perceptron is trained.

    Attributes:
        epochs: All of them.
        sign_epochs: Of "nit-s+", how many begin with the sign estimator.
        batch: Images per step.
        lr: Adam's rate, constant.
        seed: Of order and noise.
        replications: Passes per image that a gradient is estimated from.
    """

    epochs: int
    sign_epochs: int = 0
    batch: int = 256
    lr: float = 2e-3
    seed: int = 0
    replications: int = 20

    def __post_init__(self) -> None:
        if self.epochs < 1 or not 0 <= self.sign_epochs <= self.epochs:
            raise AccelsimError(
                f"epochs: {self.epochs}, {self.sign_epochs} with the sign; must be 1 or more, and not more than all"
            )

    def method(self, rule: Rule, epoch: int) -> Method:
        """Return the estimator of an epoch."""
        return "sign" if rule == "nit-s" or (rule == "nit-s+" and epoch < self.sign_epochs) else "exact"


def train_perceptron(
    network: NoisyPerceptron,
    rule: Rule,
    images: Images,
    schedule: Schedule,
    *,
    loss: Loss = cross_entropy,
    epoch_done: Callable[[float], None] | None = None,
) -> None:
    """Train in place with Adam. "bp" has no noise; the others use likelihood ratios.

    Args:
        network: The ANN.
        rule: How gradients are got.
        images: Training images.
        schedule: Epochs, rate and seed.
        loss: "bp" needs its derivative, the others do not.
        epoch_done: Called with each epoch's mean loss.
    """
    optimizer = torch.optim.Adam(network.parameters(), lr=schedule.lr)
    generator = torch.Generator().manual_seed(schedule.seed)
    bounds = Bounds()
    for epoch in range(schedule.epochs):
        estimator = Estimator(schedule.replications, schedule.method(rule, epoch), loss)
        losses = []
        for index in torch.split(torch.randperm(len(images.labels), generator=generator), schedule.batch):
            pixels, labels = images.pixels[index], images.labels[index]
            if rule == "bp":
                optimizer.zero_grad(set_to_none=True)
                outputs = network.run(pixels, 1, generator, noisy=False).outputs
                mean = loss(outputs, labels).mean()
                torch.autograd.backward(mean)
                losses.append(mean.item())
            else:
                losses.append(set_lr_gradients(network, pixels, labels, estimator, generator))
            optimizer.step()
            bounds.project(network.noisy_layers())
        if epoch_done is not None:
            epoch_done(sum(losses) / len(losses))


def learning_curve(
    network: NoisyPerceptron, rule: Rule, images: Images, tested: Images, schedule: Schedule
) -> list[Epoch]:
    """Train (as `train_perceptron`) and return the loss and the test accuracy of every epoch.

    An image's class is that of the largest output, averaged over 20 draws of the noise where there is any.
    """
    curve: list[Epoch] = []

    def told(loss: float) -> None:
        generator = torch.Generator().manual_seed(schedule.seed)
        curve.append(Epoch(loss, _accuracy(network, tested, generator, noisy=rule != "bp")))

    train_perceptron(network, rule, images, schedule, epoch_done=told)
    return curve


@torch.no_grad()
def _accuracy(network: NoisyPerceptron, tested: Images, generator: torch.Generator, *, noisy: bool) -> float:
    right = 0
    for index in torch.split(torch.arange(len(tested.labels)), EVALUATION_BATCH):
        outputs = network.run(
            tested.pixels[index], EVALUATION_DRAWS if noisy else 1, generator, noisy=noisy
        ).outputs
        right += int((outputs.mean(dim=1).argmax(dim=1) == tested.labels[index]).sum())
    return right / len(tested.labels)
