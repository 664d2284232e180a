"""A trace of your own network on your own images, in one go: convert, distill, export.

The images are NumPy arrays on disk, so any data set will do.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.files import readable_file
from accelsim.forms import Form
from accelsim.nn.base.inference import inference
from accelsim.nn.base.tensor_files import load_network_weights, load_tensors
from accelsim.nn.injection.conversion import convert
from accelsim.nn.injection.converted_checkpoint import tensors_sha256
from accelsim.nn.injection.distillation import LayerFit, distill
from accelsim.nn.injection.precision_calibration import DEFAULT_RULE, calibrate_precision
from accelsim.nn.layers.projection_forms import DEFAULT_FORM, Density
from accelsim.nn.networks import make_network
from accelsim.nn.preparation import PRECISION_IMAGES, form_record
from accelsim.nn.scheme_accuracy import load_labels, scheme_accuracies
from accelsim.nn.trace_export import export_trace
from accelsim.schemes import Scheme
from accelsim.trace.container import one_line

BATCH = 50

MAX_VALUE = 1e6
"""Largest magnitude of a value of an image: far above any normalization, and its square sums do not overflow float32."""

_ALLOWED = "allowed: float32 (count, channels, height, width)"
_ZIP = b"PK\x03\x04"
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def load_images(path: Path | str) -> np.ndarray:
    """Return the images of a ``.npy`` file, mapped, not read; nothing in the file is executed.

    Returns:
        float32 (count, channels, height, width), at least one image.

    Raises:
        AccelsimError: If the file is missing, is no regular file or no array, or has another shape, type or size.
    """
    path = readable_file(path, "images")
    not_npy = f"{path}: not a .npy array of numbers"
    # The header is a Python literal of whoever wrote the file: reading it may warn, and fail in many ways.
    with warnings.catch_warnings(), one_line(not_npy), path.open("rb") as file:
        warnings.simplefilter("ignore")
        if file.read(len(_ZIP)) == _ZIP:
            raise AccelsimError(f"{path}: holds an archive; {_ALLOWED}")
        file.seek(0)
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise AccelsimError(f"{not_npy}: format version {version[0]}.{version[1]}; allowed: 1.0 and 2.0")
        shape, fortran_order, dtype = _HEADERS[version](file)
        offset = file.tell()
    if dtype != np.float32 or len(shape) != 4 or not all(type(size) is int and size > 0 for size in shape):
        raise AccelsimError(f"{path}: holds {dtype} {shape}; {_ALLOWED}")
    found, wanted = path.stat().st_size - offset, math.prod(shape) * dtype.itemsize
    if found != wanted:
        raise AccelsimError(f"{path}: {found:,} bytes of images; {shape} of float32 are {wanted:,}")
    order: Literal["C", "F"] = "F" if fortran_order else "C"
    with one_line(f"{path}: cannot read the images"):
        return np.memmap(path, dtype, "r", offset, shape, order)


def _check_values(images: np.ndarray, indices: Iterable[int], path: Path | str) -> None:
    """Raise AccelsimError for a value that would spoil every image's masks, and not only its own."""
    for index in indices:
        values = np.array(images[index])
        # NaN compares as false.
        if not (np.abs(values) <= MAX_VALUE).all():
            worst = values[~(np.abs(values) <= MAX_VALUE)][0]
            raise AccelsimError(
                f"{path}: image {index} holds {worst}; allowed: values of -{MAX_VALUE:g} to {MAX_VALUE:g}"
            )


def _check_weights(network: nn.Module, model: str, weights: Path | str | None) -> None:
    for name, tensor in network.named_parameters():
        if not torch.isfinite(tensor).all():
            raise AccelsimError(f"{weights or model}: {name} holds a value that is not finite")


def _batches(images: np.ndarray) -> Iterator[Tensor]:
    for first in range(0, len(images), BATCH):
        yield torch.from_numpy(np.array(images[first : first + BATCH]))


def _check_fits(network: nn.Module, model: str, images: np.ndarray, path: Path | str) -> None:
    """Run one image; an AccelsimError that names the file beats what a layer says of its input."""
    with inference(network), one_line(f"{path}: images of shape {images.shape[1:]} do not run in {model}"):
        network(torch.from_numpy(np.array(images[:1])))


def export_own_model(
    model: str,
    images: Path | str,
    calibration: Path | str,
    path: Path | str,
    schemes: Sequence[Scheme],
    image_indices: Sequence[int],
    *,
    weights: Path | str | None = None,
    form: Form = DEFAULT_FORM,
    k_ratio: float | None = None,
    density: Density | None = None,
    precision_rule: str = DEFAULT_RULE,
    labels: Path | str | None = None,
    accuracy_images: int = 0,
    seed: int = 0,
    linear: bool = False,
    skip: Sequence[str] = (),
    overwrite: bool = False,
    progress: Callable[[str], None] | None = None,
) -> list[LayerFit]:
    """Convert a network, distill its approximations on ``calibration`` and export the masks of ``images``.

    model: ``module:factory``, or a name in accelsim.nn.networks; a callable without arguments that returns a
        torch.nn.Module. weights: safetensors of its state, if the factory does not load them itself.
    images, calibration: ``.npy`` files as ``load_images`` takes them; the calibration images should be
        training images. image_indices: which of ``images``.
    form, k_ratio, density: as ``convert`` takes them. precision_rule: as ``calibrate_precision`` does.
    labels: ``.npy`` file of the classes of all ``images``; with it the clean accuracy of every scheme is measured, on the
        first ``accuracy_images`` of them (0: on all), and travels with the trace. progress: as in ``export_trace``.
    Returns how well each layer's approximation fits. Raises AccelsimError for anything at fault.
    """
    shown, teaching = load_images(images), load_images(calibration)
    for index in image_indices:
        if not 0 <= index < len(shown):
            raise AccelsimError(f"{images}: has no image {index}; it has 0 to {len(shown) - 1}")
    _check_values(shown, image_indices, images)
    _check_values(teaching, range(len(teaching)), calibration)
    tested = min(accuracy_images or len(shown), len(shown))
    classes = None if labels is None else load_labels(labels, len(shown))[:tested]
    if classes is not None:
        _check_values(shown, range(tested), images)
    network = make_network(model)
    if weights is not None:
        tensors, _ = load_tensors(weights)
        load_network_weights(network, tensors, weights)
    _check_weights(network, model, weights)
    _check_fits(network, model, shown, images)
    _check_fits(network, model, teaching, calibration)
    digest = tensors_sha256(dict(network.state_dict()))
    converted = convert(
        network.eval(),
        Scheme.dense(),
        form=form,
        k_ratio=k_ratio,
        density=density,
        seed=seed,
        linear=linear,
        skip=skip,
    )
    fits = distill(converted, _batches(teaching), seed=seed)
    calibrate_precision(converted, _batches(teaching[:PRECISION_IMAGES]), rule=precision_rule, seed=seed)
    accuracies = None if classes is None else scheme_accuracies(converted, shown[:tested], classes, schemes)
    approximated_by = ", ".join(
        f"{key} {value}" for key, value in form_record(form, k_ratio, density).items()
    )
    export_trace(
        converted,
        torch.from_numpy(np.array(shown[list(image_indices)])),
        image_indices,
        path,
        schemes,
        network=model,
        dataset=Path(images).stem,
        weights_sha256=digest,
        seeds={"P": seed, "distill": seed},
        notes=f"{approximated_by}, distilled on {len(teaching)} images of {Path(calibration).name}",
        accuracies=accuracies,
        overwrite=overwrite,
        progress=progress,
    )
    return fits
