"""CIFAR-10 and CIFAR-100 from the official binary files.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (2009). A record is one label byte (CIFAR-100: the
coarse label, then the fine one, which is used), then 1,024 red, green and blue bytes, row-major. CIFAR-10 has six files
of 10,000 records, CIFAR-100 one of 50,000 and one of 10,000.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from accelsim.errors import AccelsimError, suggestion
from accelsim.files import readable_file
from accelsim.nn.data.cifar_layout import DATASETS, LAYOUTS, OFFICIAL_SHA1, PIXEL_BYTES, Layout

DATA_VARIABLE = "ACCELSIM_DATA"


class UnofficialData(UserWarning):
    """A file that can be read but is not the official one: accuracies on it compare with nobody's."""


@dataclass(frozen=True)
class ImageSet:
    """Labelled images: `images` uint8 (count, 3, 32, 32), `labels` int64 (count,); index = image id."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def load_cifar10(folder: Path | str | None = None, *, train: bool) -> ImageSet:
    """The 50,000 training or 10,000 test images of CIFAR-10 in file order: `load_cifar("cifar10", ...)`."""
    return load_cifar("cifar10", folder, train=train)


def load_cifar(dataset: str, folder: Path | str | None = None, *, train: bool) -> ImageSet:
    """The 50,000 training or 10,000 test images of `cifar10` or `cifar100` in file order.

    `folder` holds the .bin files, itself or in the subfolder that the official archive unpacks to; None takes the folder
    from the environment variable ACCELSIM_DATA. Raises AccelsimError when a file is missing, has another
    size, or holds a label that is no class, and for an unknown data set. Warns (UnofficialData) of files that are whole but
    not the official ones.
    """
    if dataset not in LAYOUTS:
        raise AccelsimError(f"data set {dataset!r} is unknown; {suggestion(dataset, DATASETS)}")
    layout = LAYOUTS[dataset]
    root = _find_root(folder, layout)
    parts = {name: _read_file(root / name, count, layout) for name, count in layout.files(train).items()}
    others = [
        name for name, part in parts.items() if hashlib.sha1(part.data).hexdigest() != OFFICIAL_SHA1[name]
    ]
    if others:
        warnings.warn(
            f"{root}: not the official {layout.title} files, by their SHA-1: {', '.join(others)}",
            UnofficialData,
            stacklevel=2,
        )
    records = np.concatenate(list(parts.values()))
    images = np.ascontiguousarray(records[:, layout.label_bytes :]).reshape(-1, 3, 32, 32)
    labels = records[:, layout.label_bytes - 1].astype(np.int64)
    return ImageSet(torch.from_numpy(images), torch.from_numpy(labels))


def to_float(images: Tensor) -> Tensor:
    """uint8 images as float32 in [0, 1], same shape."""
    return images.to(torch.float32) / 255.0


def _find_root(folder: Path | str | None, layout: Layout) -> Path:
    if folder is None:
        folder = os.environ.get(DATA_VARIABLE)
        if not folder:
            raise AccelsimError(f"{layout.title}: no data folder given; pass --data or set {DATA_VARIABLE}")
    root = Path(folder)
    nested = root / layout.folder
    if nested.is_dir():
        root = nested
    if not root.is_dir():
        names = (*layout.train, *layout.test)
        raise AccelsimError(
            f"{root}: no such folder; the official {layout.title} binary version unpacks to one with {', '.join(names)}"
        )
    return root


def _read_file(path: Path, count: int, layout: Layout) -> np.ndarray:
    record = layout.label_bytes + PIXEL_BYTES
    readable_file(path, "data file", hint=f"; the official {layout.title} binary version has this file")
    size = path.stat().st_size
    if size != count * record:
        raise AccelsimError(
            f"{path}: {size} bytes, must be {count * record} ({count:,} records of {record:,} bytes)"
        )
    records = np.fromfile(path, dtype=np.uint8).reshape(count, record)
    largest = records[:, layout.label_bytes - 1].max()
    if largest >= layout.classes:
        raise AccelsimError(f"{path}: label {largest}, must be 0 to {layout.classes - 1}")
    return records
