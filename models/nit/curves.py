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
from models.nit.estimator import Loss, Method, cross_entropy
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


def train_perceptron(
    network: NoisyPerceptron,
    rule: Rule,
    images: Images,
    *,
    epochs: int,
    batch: int = 256,
    lr: float = 2e-3,
    seed: int = 0,
    replications: int = 20,
    sign_epochs: int = 0,
    loss: Loss = cross_entropy,
    epoch_done: Callable[[float], None] | None = None,
) -> None:
    """Train in place with Adam at a constant rate. "bp" has no noise; the others use likelihood ratios.

    sign_epochs: of "nit-s+", how many begin with the sign estimator. loss: "bp" needs its derivative, the others do not.
    epoch_done: called with each epoch's mean loss.
    """
    if epochs < 1 or not 0 <= sign_epochs <= epochs:
        raise AccelsimError(
            f"epochs: {epochs}, {sign_epochs} with the sign; must be 1 or more, and not more than all"
        )
    optimizer = torch.optim.Adam(network.parameters(), lr=lr)
    generator = torch.Generator().manual_seed(seed)
    bounds = Bounds()
    for epoch in range(epochs):
        method: Method = "sign" if rule == "nit-s" or (rule == "nit-s+" and epoch < sign_epochs) else "exact"
        losses = []
        for index in torch.split(torch.randperm(len(images.labels), generator=generator), batch):
            pixels, labels = images.pixels[index], images.labels[index]
            if rule == "bp":
                optimizer.zero_grad(set_to_none=True)
                outputs = network.run(pixels, 1, generator, noisy=False).outputs
                mean = loss(outputs, labels).mean()
                torch.autograd.backward(mean)
                losses.append(mean.item())
            else:
                losses.append(
                    set_lr_gradients(network, pixels, labels, replications, loss, method, generator)
                )
            optimizer.step()
            bounds.project(network.noisy_layers())
        if epoch_done is not None:
            epoch_done(sum(losses) / len(losses))


def learning_curve(
    network: NoisyPerceptron,
    rule: Rule,
    images: Images,
    tested: Images,
    *,
    epochs: int,
    sign_epochs: int = 0,
    lr: float = 2e-3,
    seed: int = 0,
) -> list[Epoch]:
    """Train (as `train_perceptron`) and tell the loss and the test accuracy of every epoch.

    An image's class is that of the largest output, averaged over 20 draws of the noise where there is any.
    """
    curve: list[Epoch] = []

    def told(loss: float) -> None:
        generator = torch.Generator().manual_seed(seed)
        curve.append(Epoch(loss, _accuracy(network, tested, generator, noisy=rule != "bp")))

    train_perceptron(
        network, rule, images, epochs=epochs, sign_epochs=sign_epochs, lr=lr, seed=seed, epoch_done=told
    )
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
