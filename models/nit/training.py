"""Train a spiking network by likelihood ratios (NIT, NIT-S, NIT-S+) or by surrogate gradients (STBP, STBP-N)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from accelsim.errors import AccelsimError
from accelsim.files import check_output_file
from accelsim.interrupt import stop_if_pressed
from accelsim.nn.base.tensor_files import (
    load_network_weights,
    load_progress,
    load_tensors,
    save_progress,
    save_tensors,
)
from accelsim.nn.data.idx import DigitSet
from accelsim.nn.spiking.run_settings import Settings
from accelsim.nn.spiking.spiking_networks import NoisyNetwork, SpikingNetwork
from accelsim.trace.container import one_line
from models.nit.estimator import Estimator, centred, cross_entropy, lr_gradient


def train(
    settings: Settings,
    data: DigitSet,
    index: Tensor,
    out: Path,
    epoch_done: Callable[[int, float, SpikingNetwork], None] | None = None,
) -> SpikingNetwork:
    """Train on the images `index` of `data` to the last epoch and return the network.

    `out` gets weights.safetensors and progress.pt after every epoch; a run that was stopped goes on from
    there with the same batches and noise, since each epoch's draws depend on seed and epoch only.
    epoch_done: called with the epoch (1, 2, ...), its mean loss, and the network.
    Raises AccelsimError when `out` holds another run, or the loss is no number.
    """
    for name in ("weights.safetensors", "progress.pt"):
        check_output_file(out / name, regular_only=True)
    bounds = settings.bounds
    network = settings.network()
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.lr)
    for epoch in range(_resume(network, optimizer, settings, out), settings.epochs):
        stop_if_pressed()
        generator = torch.Generator().manual_seed((2 * settings.seed + 1) * 1_000_003 + epoch)
        order = index[torch.randperm(len(index), generator=generator)]
        batches = torch.split(order, settings.batch)
        losses = []
        for number, batch in enumerate(batches):
            done = (epoch + number / len(batches)) / settings.epochs
            for group in optimizer.param_groups:
                group["lr"] = settings.lr * 0.5 * (1.0 + math.cos(math.pi * done))
            images, labels = data.take(batch)
            losses.append(_step(network, optimizer, settings, epoch, images, labels, generator))
            bounds.project(network.noisy_layers())
        loss = sum(losses) / len(losses)
        if not math.isfinite(loss):
            raise AccelsimError(f"{settings.method}: loss is {loss} in epoch {epoch + 1}; lower lr")
        metadata = {"settings": settings.model_dump(mode="json"), "epoch": epoch + 1}
        save_tensors(out / "weights.safetensors", dict(network.state_dict()), metadata)
        save_progress(out / "progress.pt", optimizer, epoch + 1)
        if epoch_done is not None:
            epoch_done(epoch + 1, loss, network)
    return network


def _step(
    network: SpikingNetwork,
    optimizer: torch.optim.Optimizer,
    settings: Settings,
    epoch: int,
    images: Tensor,
    labels: Tensor,
    generator: torch.Generator,
) -> float:
    if settings.learns_noise:
        loss = partial(cross_entropy, scale=settings.loss_scale)
        method = settings.estimator(epoch)
        estimator = Estimator(settings.replications, method, loss, settings.reduced)
        mean_loss = set_lr_gradients(network, images, labels, estimator, generator)
    else:
        optimizer.zero_grad(set_to_none=True)
        outputs = network.run(images, 1, generator, noisy=settings.noisy).outputs
        mean = cross_entropy(outputs, labels, settings.loss_scale).mean()
        torch.autograd.backward(mean)
        # STBP-N adds standard normal noise: its level is not learned.
        for layer in network.noisy_layers():
            layer.sigma.grad = None
        mean_loss = mean.item()
    optimizer.step()
    return mean_loss


@torch.no_grad()
def set_lr_gradients(
    network: NoisyNetwork, images: Tensor, labels: Tensor, estimator: Estimator, generator: torch.Generator
) -> float:
    """Put the likelihood-ratio estimate into every parameter's `.grad` and return the mean loss.

    One forward pass, and no graph: nothing is differentiated.
    """
    reduced = estimator.reduced
    seen = network.run(images, estimator.replications, generator, record=True, antithetic=reduced)
    losses = estimator.loss(seen.outputs, labels)
    weights = centred(losses, antithetic=True) if reduced else losses
    for layer, record in zip(network.noisy_layers(), seen.records, strict=True):
        gradient = lr_gradient(layer, record, weights, estimator.method)
        layer.weight.grad, layer.bias.grad, layer.sigma.grad = gradient.weight, gradient.bias, gradient.sigma
    return float(losses.mean())


def _resume(network: SpikingNetwork, optimizer: torch.optim.Optimizer, settings: Settings, out: Path) -> int:
    if not (out / "progress.pt").is_file():
        return 0
    path = out / "weights.safetensors"
    tensors, metadata = load_tensors(path)
    # By value, not by text: settings that came later have their defaults in older files.
    with one_line(f"{path}: settings"):
        same = Settings.model_validate(metadata.get("settings")) == settings
    if not same:
        raise AccelsimError(f"{out}: holds a run of other settings; give another folder or remove it")
    load_network_weights(network, tensors, path)
    epoch = load_progress(out / "progress.pt", optimizer)
    if epoch != metadata.get("epoch"):
        raise AccelsimError(
            f"{out}: weights are of epoch {metadata.get('epoch')}, progress of {epoch}; remove it"
        )
    return epoch
