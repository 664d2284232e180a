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

TRAIN_FILES = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
TEST_FILES = ("test_batch.bin",)
RECORDS_PER_FILE = 10_000
"""Of CIFAR-10; CIFAR-100's training file holds five times as many."""

OFFICIAL_SHA1 = {
    "data_batch_1.bin": "aadd24acce27caa71bf4b10992e9e7b2d74c2540",
    "data_batch_2.bin": "c0ba65cce70568cd57b4e03e9ac8d2a5367c1795",
    "data_batch_3.bin": "1dd00a74ab1d17a6e7d73e185b69dbf31242f295",
    "data_batch_4.bin": "aab85764eb3584312d3c7f65fd2fd016e36a258e",
    "data_batch_5.bin": "26e2849e66a845b7f1e4614ae70f4889ae604628",
    "test_batch.bin": "67eb016db431130d61cd03c7ad570b013799c88c",
    "train.bin": "e207cd2e05b73b1393c74c7f5e7bea451d63e08e",
    "test.bin": "8fb6623e830365ff53cf14adec797474f5478006",
}
"""Of the official files, as MXNet's loaders check them; sizes and labels alone would not notice another order or pixel."""

PIXEL_BYTES = 3 * 32 * 32
RECORD_BYTES = 1 + PIXEL_BYTES
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


@dataclass(frozen=True)
class _Layout:
    """Where a data set's files are, and which of a record's label bytes counts."""

    title: str
    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    label_bytes: int
    classes: int

    def files(self, train: bool) -> dict[str, int]:
        """Name to number of records."""
        names = self.train if train else self.test
        whole = RECORDS_PER_FILE * (5 if train else 1)
        return {name: whole // len(names) for name in names}


_LAYOUTS = {
    "cifar10": _Layout("CIFAR-10", "cifar-10-batches-bin", TRAIN_FILES, TEST_FILES, 1, 10),
    "cifar100": _Layout("CIFAR-100", "cifar-100-binary", ("train.bin",), ("test.bin",), 2, 100),
}
DATASETS = tuple(_LAYOUTS)


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
    if dataset not in _LAYOUTS:
        raise AccelsimError(f"data set {dataset!r} is unknown; {suggestion(dataset, DATASETS)}")
    layout = _LAYOUTS[dataset]
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


def _find_root(folder: Path | str | None, layout: _Layout) -> Path:
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


def _read_file(path: Path, count: int, layout: _Layout) -> np.ndarray:
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
