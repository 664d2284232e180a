"""CIFAR-10 from the official binary files.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (2009). Each of the six files holds
10,000 records of 3,073 bytes: one label byte (0 to 9), then 1,024 red, green and blue bytes, row-major.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from accelsim.errors import AccelsimError

TRAIN_FILES = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
TEST_FILES = ("test_batch.bin",)
RECORDS_PER_FILE = 10_000
RECORD_BYTES = 1 + 3 * 32 * 32
DATA_VARIABLE = "ACCELSIM_DATA"


@dataclass(frozen=True)
class ImageSet:
    """Labelled images: `images` uint8 (count, 3, 32, 32), `labels` int64 (count,); index = image id."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def load_cifar10(folder: Path | str | None = None, *, train: bool) -> ImageSet:
    """The 50,000 training or 10,000 test images in file order.

    `folder` holds the .bin files, itself or in a subfolder cifar-10-batches-bin; None takes the folder
    from the environment variable ACCELSIM_DATA. Raises AccelsimError when a file is missing, has another
    size, or holds a label above 9.
    """
    root = _find_root(folder)
    parts = [_read_file(root / name) for name in (TRAIN_FILES if train else TEST_FILES)]
    records = np.concatenate(parts)
    images = np.ascontiguousarray(records[:, 1:]).reshape(-1, 3, 32, 32)
    return ImageSet(torch.from_numpy(images), torch.from_numpy(records[:, 0].astype(np.int64)))


def to_float(images: Tensor) -> Tensor:
    """uint8 images as float32 in [0, 1], same shape."""
    return images.to(torch.float32) / 255.0


def _find_root(folder: Path | str | None) -> Path:
    if folder is None:
        folder = os.environ.get(DATA_VARIABLE)
        if not folder:
            raise AccelsimError(f"CIFAR-10: no data folder given; pass --data or set {DATA_VARIABLE}")
    root = Path(folder)
    nested = root / "cifar-10-batches-bin"
    if nested.is_dir():
        root = nested
    if not root.is_dir():
        raise AccelsimError(f"{root}: no such folder; it must hold data_batch_1..5.bin and test_batch.bin")
    return root


def _read_file(path: Path) -> np.ndarray:
    expected = RECORDS_PER_FILE * RECORD_BYTES
    if not path.is_file():
        raise AccelsimError(f"{path}: missing; the official CIFAR-10 binary version has this file")
    size = path.stat().st_size
    if size != expected:
        raise AccelsimError(f"{path}: {size} bytes, must be {expected} (10,000 records of 3,073 bytes)")
    records = np.fromfile(path, dtype=np.uint8).reshape(RECORDS_PER_FILE, RECORD_BYTES)
    if records[:, 0].max() > 9:
        raise AccelsimError(f"{path}: label {records[:, 0].max()}, must be 0 to 9")
    return records
