"""Clean accuracy of a converted network under each scheme, on images of one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.files import readable_file
from accelsim.nn.base.inference import inference
from accelsim.nn.injection.conversion import set_scheme
from accelsim.schemes import Scheme
from accelsim.trace.container import one_line

BATCH = 50


def load_labels(path: Path | str, count: int) -> NDArray[np.int64]:
    """Return the classes of `count` images from a ``.npy`` file of whole numbers; nothing in it is executed.

    Raises:
        AccelsimError: If the file is missing, is no array of `count` whole numbers from 0, or is damaged.
    """
    path = readable_file(path, "labels")
    with one_line(f"{path}: not a .npy array of whole numbers"):
        labels = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "iu" or labels.shape != (count,):
        found = f"{labels.dtype} {labels.shape}" if isinstance(labels, np.ndarray) else "an archive"
        raise AccelsimError(f"{path}: holds {found}; allowed: whole numbers, one per image, ({count},)")
    classes = np.array(labels, np.int64)
    if classes.min() < 0:
        raise AccelsimError(
            f"{path}: label {classes.min()} of image {classes.argmin()}; allowed: 0 and above"
        )
    return classes


def scheme_accuracies(
    model: nn.Module,
    images: NDArray[np.float32],
    labels: NDArray[np.int64],
    schemes: Sequence[Scheme],
    progress: Callable[[str], None] | None = None,
) -> dict[str, tuple[float, int]]:
    """Return each scheme's clean accuracy, 0 to 1, and the images it was measured on; `model` keeps the last scheme.

    Args:
        model: converted and distilled; its output is (images, classes).
        images: (count, channels, h, w) as the model takes them.
        labels: (count,), the classes.
        schemes: to be measured; only these are in the result, by name.
        progress: told each scheme's result in one line.

    Raises:
        AccelsimError: If the output has other axes, or fewer classes than the labels name.
    """
    result = {}
    for scheme in schemes:
        set_scheme(model, scheme)
        correct = 0
        with inference(model):
            for first in range(0, len(images), BATCH):
                x = torch.from_numpy(np.array(images[first : first + BATCH]))
                correct += _correct(model(x), torch.from_numpy(labels[first : first + BATCH]))
        result[scheme.name] = (correct / len(images), len(images))
        if progress is not None:
            progress(f"{scheme.name}: {correct} of {len(images)} images correct")
    return result


def _correct(output: Tensor, labels: Tensor) -> int:
    if not isinstance(output, Tensor) or output.ndim != 2 or output.shape[1] <= int(labels.max()):
        found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise AccelsimError(
            f"labels: the network's output is {found}; needed to compare: (images, classes) with a class for label "
            f"{int(labels.max())}"
        )
    return int((output.argmax(1) == labels).sum())
