"""From a trained network to a converted checkpoint: round to float16, convert, distill, save.

    python -m models.prepare --weights RUN/weights.safetensors --data DATA --out CONVERTED
    python -m models.prepare --model mypackage.nets:trained --data DATA --out CONVERTED

`--model module:factory` takes your own network: a callable without arguments that returns a trained
torch.nn.Module for images of the data set in [0, 1]. For other data use convert, distill and save_converted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.files import check_output_file
from accelsim.nn.accuracy import load_trained
from accelsim.nn.data.cifar import DATASETS, ImageSet, load_cifar, to_float
from accelsim.nn.device import device_of, torch_device, use_threads
from accelsim.nn.injection.conversion import DEFAULT_K_RATIO, convert
from accelsim.nn.injection.converted_checkpoint import round_weights, save_converted
from accelsim.nn.injection.distillation import LayerFit, distill
from accelsim.nn.networks import make_network
from accelsim.trace.layer_shape import Scheme
from models.command import exit_code

BATCH = 100
Method = Literal["lstsq", "sgd"]


class _Batches:
    """The chosen images, `BATCH` at a time, as often as they are asked for."""

    def __init__(self, data: ImageSet, order: Tensor, device: torch.device) -> None:
        self._data, self._order, self._device = data, order, device

    def __iter__(self) -> Iterator[Tensor]:
        for part in torch.split(self._order, BATCH):
            images = to_float(self._data.images[part].to(self._device))
            yield images.contiguous(memory_format=torch.channels_last)


def convert_and_distill(
    model: nn.Module,
    data: ImageSet,
    *,
    k_ratio: float,
    images: int,
    seed: int,
    linear: bool = False,
    method: Method = "lstsq",
    epochs: int = 1,
    progress: Callable[[str], None] | None = None,
) -> tuple[nn.Module, list[LayerFit]]:
    """A float16-rounded, converted, distilled and quantized copy of `model`, and how well each layer fits.

    The first `images` images of a seeded permutation of `data` (training images) teach it, on the device of
    `model`, where the copy stays. Raises AccelsimError when there are not so many images, and as convert and distill.
    """
    if not 1 <= images <= len(data):
        raise AccelsimError(f"prepare: images is {images}, must be 1 to {len(data)}")
    device = device_of(model)
    converted = convert(model, Scheme.dense(), k_ratio=k_ratio, seed=seed, linear=linear)
    round_weights(converted)
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))[:images]
    batches = _Batches(data, order, device)
    fits = distill(converted, batches, seed=seed, method=method, epochs=epochs, progress=progress)
    return converted, fits


def prepare(
    out: Path,
    data: ImageSet,
    *,
    weights: Path | None = None,
    model: str | None = None,
    k_ratio: float = DEFAULT_K_RATIO,
    images: int = 2000,
    seed: int = 0,
    linear: bool = False,
    device: str = "cpu",
    method: Method = "lstsq",
    epochs: int = 1,
    progress: Callable[[str], None] | None = None,
) -> list[LayerFit]:
    """Make the converted checkpoint `out` from a training checkpoint or a `module:factory`.

    device: where the network runs while it is distilled (accelsim.nn.device.torch_device); the file is the same
        kind on every device, its last bits are not. method, epochs, progress: of `distill`.
    """
    target = torch_device(device)
    if (weights is None) == (model is None):
        raise AccelsimError("prepare: give one of weights and model")
    # Before the work, not after it.
    check_output_file(out, regular_only=True)
    if weights is not None:
        network, name = load_trained(weights)
    else:
        name = str(model)
        network = make_network(name)
    converted, fits = convert_and_distill(
        network.to(target),
        data,
        k_ratio=k_ratio,
        images=images,
        seed=seed,
        linear=linear,
        method=method,
        epochs=epochs,
        progress=progress,
    )
    seeds = {"P": seed, "distill": seed}
    record: dict[str, Any] = {"seeds": seeds, "distill_images": images, "k_ratio": k_ratio}
    if method != "lstsq":
        record |= {"distill_method": method, "distill_epochs": epochs}
    save_converted(out, converted.cpu(), name, record)
    return fits


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit code: 0, 2 for bad input, 130 if interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m models.prepare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--weights", type=Path, help="weights.safetensors of a training run")
    parser.add_argument("--model", help="your own network instead: module:factory")
    parser.add_argument("--data", help="folder of the data set's binary files (default: $ACCELSIM_DATA)")
    parser.add_argument("--dataset", default="cifar10", choices=DATASETS)
    parser.add_argument("--out", required=True, type=Path, help="the converted checkpoint to write")
    parser.add_argument("--k-ratio", type=float, default=DEFAULT_K_RATIO, help="rows of P as a share of d")
    parser.add_argument("--images", type=int, default=2000, help="training images to distill on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--method", choices=("lstsq", "sgd"), default="lstsq", help="exact, or the paper's momentum SGD"
    )
    parser.add_argument(
        "--epochs", type=int, default=1, help="passes over the images with --method sgd (the paper: 50)"
    )
    parser.add_argument("--linear", action="store_true", help="convert linear layers too")
    parser.add_argument("--threads", type=int, help="torch threads (default: all cores)")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:<number>")
    args = parser.parse_args(argv)
    return exit_code(lambda: _run(args), goes_on_from="the beginning")


def _run(args: argparse.Namespace) -> None:
    use_threads(args.threads)
    fits = prepare(
        args.out,
        load_cifar(args.dataset, args.data, train=True),
        weights=args.weights,
        model=args.model,
        k_ratio=args.k_ratio,
        images=args.images,
        seed=args.seed,
        linear=args.linear,
        device=args.device,
        method=args.method,
        epochs=args.epochs,
        progress=lambda text: print(text, file=sys.stderr, flush=True),
    )
    for fit in fits:
        print(f"{fit.name}: error {fit.relative_error:.4f} float, {fit.relative_error_int4:.4f} INT4")


if __name__ == "__main__":
    sys.exit(main())
