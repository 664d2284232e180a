"""From a trained network to a converted checkpoint: round to float16, convert, distill, save (``accelsim prepare``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.files import check_output_file
from accelsim.forms import Form
from accelsim.nn.base.device import device_of, torch_device
from accelsim.nn.clean_accuracy import load_trained
from accelsim.nn.data.cifar import ImageSet, to_float
from accelsim.nn.injection.conversion import convert
from accelsim.nn.injection.converted_checkpoint import round_weights, save_converted
from accelsim.nn.injection.distillation import LayerFit, distill
from accelsim.nn.injection.precision_calibration import DEFAULT_RULE, calibrate_precision
from accelsim.nn.layers.projection_forms import DEFAULT_DENSITY, DEFAULT_FORM, DEFAULT_K_RATIO, Density
from accelsim.nn.networks import make_network
from accelsim.schemes import Scheme

BATCH = 100
PRECISION_IMAGES = 500
"""Of the calibration images, how many choose the scales of operands of 8 and 4 bits."""
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
    images: int,
    seed: int,
    form: Form = DEFAULT_FORM,
    k_ratio: float | None = None,
    density: Density | None = None,
    precision_rule: str = DEFAULT_RULE,
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
    converted = convert(
        model, Scheme.dense(), form=form, k_ratio=k_ratio, density=density, seed=seed, linear=linear
    )
    round_weights(converted)
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))[:images]
    batches = _Batches(data, order, device)
    fits = distill(converted, batches, seed=seed, method=method, epochs=epochs, progress=progress)
    calibrate_precision(
        converted, _Batches(data, order[:PRECISION_IMAGES], device), rule=precision_rule, seed=seed
    )
    return converted, fits


def prepare(
    out: Path,
    data: ImageSet,
    *,
    weights: Path | None = None,
    model: str | None = None,
    form: Form = DEFAULT_FORM,
    k_ratio: float | None = None,
    density: Density | None = None,
    precision_rule: str = DEFAULT_RULE,
    images: int = 2000,
    seed: int = 0,
    linear: bool = False,
    device: str = "cpu",
    method: Method = "lstsq",
    epochs: int = 1,
    progress: Callable[[str], None] | None = None,
) -> list[LayerFit]:
    """Make the converted checkpoint `out` from a training checkpoint or a `module:factory`.

    form, k_ratio, density: as `convert` takes them. precision_rule: as `calibrate_precision` does.
    device: where the network runs while it is distilled (accelsim.nn.base.device.torch_device); the file is the same
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
        images=images,
        seed=seed,
        form=form,
        k_ratio=k_ratio,
        density=density,
        precision_rule=precision_rule,
        linear=linear,
        method=method,
        epochs=epochs,
        progress=progress,
    )
    record = preparation_record(seed, images, form, k_ratio, density, precision_rule)
    if method != "lstsq":
        record |= {"distill_method": method, "distill_epochs": epochs}
    save_converted(out, converted.cpu(), name, record)
    return fits


def preparation_record(
    seed: int,
    images: int,
    form: Form,
    k_ratio: float | None = None,
    density: Density | None = None,
    precision_rule: str = DEFAULT_RULE,
) -> dict[str, Any]:
    """Return what a checkpoint's record says of the arguments of `convert_and_distill`."""
    record: dict[str, Any] = {"seeds": {"P": seed, "distill": seed}, "distill_images": images}
    precision = {"rule": precision_rule, "images": min(images, PRECISION_IMAGES)}
    return record | form_record(form, k_ratio, density) | {"precision": precision}


def form_record(form: Form, k_ratio: float | None, density: Density | None) -> dict[str, Any]:
    """Return what a record says of the form of the approximation: with a P also its k_ratio and density."""
    if form == "none":
        return {"form": form}
    return {
        "form": form,
        "k_ratio": DEFAULT_K_RATIO if k_ratio is None else k_ratio,
        "density": DEFAULT_DENSITY if density is None else density,
    }
