"""A trace of your own network on your own images, in one go: convert, distill, export.

The images are NumPy arrays on disk, so any data set will do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.nn.base.inference import inference
from accelsim.nn.base.tensor_files import load_network_weights, load_tensors
from accelsim.nn.injection.conversion import DEFAULT_K_RATIO, convert
from accelsim.nn.injection.converted_checkpoint import tensors_sha256
from accelsim.nn.injection.distillation import LayerFit, distill
from accelsim.nn.networks import make_network
from accelsim.nn.trace_export import export_trace
from accelsim.schemes import Scheme
from accelsim.trace.container import one_line

BATCH = 50


def load_images(path: Path | str) -> np.ndarray:
    """Images from a ``.npy`` file: float32 (count, channels, h, w), mapped, not read. Never unpickles.

    Raises AccelsimError if the file is missing, is no array, holds objects, or has another shape or type.
    """
    try:
        images = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise AccelsimError(f"{path}: cannot read: {error.strerror or error}") from None
    except (ValueError, EOFError) as error:
        raise AccelsimError(f"{path}: not a .npy array of numbers: {error}") from None
    if (
        not isinstance(images, np.ndarray)
        or images.dtype != np.float32
        or images.ndim != 4
        or not len(images)
    ):
        what = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else "an archive"
        raise AccelsimError(f"{path}: holds {what}; allowed: float32 (count, channels, height, width)")
    return images


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
    k_ratio: float = DEFAULT_K_RATIO,
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
    progress: as in ``export_trace``.
    Returns how well each layer's approximation fits. Raises AccelsimError for anything at fault.
    """
    shown = load_images(images)
    for index in image_indices:
        if not 0 <= index < len(shown):
            raise AccelsimError(f"{images}: has no image {index}; it has 0 to {len(shown) - 1}")
    teaching = load_images(calibration)
    network = make_network(model)
    if weights is not None:
        tensors, _ = load_tensors(weights)
        load_network_weights(network, tensors, weights)
    _check_fits(network, model, shown, images)
    _check_fits(network, model, teaching, calibration)
    digest = tensors_sha256(dict(network.state_dict()))
    converted = convert(network.eval(), Scheme.dense(), k_ratio=k_ratio, seed=seed, linear=linear, skip=skip)
    fits = distill(converted, _batches(teaching), seed=seed)
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
        notes=f"k_ratio {k_ratio}, distilled on {len(teaching)} images of {Path(calibration).name}",
        overwrite=overwrite,
        progress=progress,
    )
    return fits
