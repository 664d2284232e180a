"""Training checkpoints, and their clean accuracy on test images (``accelsim accuracy``)."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from accelsim.errors import AccelsimError
from accelsim.nn.base.device import device_of
from accelsim.nn.base.inference import inference
from accelsim.nn.base.tensor_files import load_network_weights, load_tensors
from accelsim.nn.data.cifar import ImageSet, to_float
from accelsim.nn.networks import make_network


def accuracy(
    network: nn.Module, data: ImageSet, images: int | None = None, batch: int = 250
) -> tuple[int, int]:
    """(right, tested) over the first `images` images, or all of them, on the network's device.

    Raises AccelsimError when `images` is below 1.
    """
    if images is not None and images < 1:
        raise AccelsimError(f"accuracy: images is {images}, must be at least 1")
    device = device_of(network)
    tested = len(data) if images is None else min(images, len(data))
    right = 0
    with inference(network):
        for start in range(0, tested, batch):
            part = slice(start, min(start + batch, tested))
            x = to_float(data.images[part].to(device)).contiguous(memory_format=torch.channels_last)
            right += int((network(x).argmax(1).cpu() == data.labels[part]).sum())
    return right, tested


def load_trained(path: Path | str) -> tuple[nn.Module, str]:
    """The network of a training checkpoint, in eval mode, and its name."""
    tensors, metadata = load_tensors(path)
    if not isinstance(metadata.get("network"), str):
        raise AccelsimError(f"{path}: metadata names no network; not a training checkpoint")
    network = make_network(metadata["network"])
    load_network_weights(network, tensors, path)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval(), metadata["network"]
