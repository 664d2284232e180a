"""Clean accuracy of a trained network on the test images of CIFAR-10 or CIFAR-100.

python -m accelsim.nn.accuracy --data DATA --weights OUT/weights.safetensors
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from torch import nn

from accelsim.errors import AccelsimError
from accelsim.nn.data.cifar import ImageSet, load_cifar, to_float
from accelsim.nn.data.cifar_layout import DATASETS
from accelsim.nn.device import device_of, torch_device
from accelsim.nn.inference import inference
from accelsim.nn.networks import make_network
from accelsim.nn.tensor_files import load_network_weights, load_tensors
from models.command import exit_code


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


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit code: 0, 2 for bad input, 130 if interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m accelsim.nn.accuracy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", help="folder of the data set's binary files (default: $ACCELSIM_DATA)")
    parser.add_argument("--dataset", default="cifar10", choices=DATASETS)
    parser.add_argument("--weights", required=True, type=Path, help="weights.safetensors of a training run")
    parser.add_argument("--images", type=int, help="test only the first so many images")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:<number>")
    args = parser.parse_args(argv)
    return exit_code(lambda: _run(args), goes_on_from="the beginning")


def _run(args: argparse.Namespace) -> None:
    device = torch_device(args.device)
    network, name = load_trained(args.weights)
    network.to(device)
    right, tested = accuracy(network, load_cifar(args.dataset, args.data, train=False), args.images)
    print(f"{name}: {right / tested:.4f} of {tested} test images right")


if __name__ == "__main__":
    sys.exit(main())
