"""MNIST and Fashion-MNIST from their idx files, plain or gzipped.

The idx format (LeCun, Cortes, Burges): two zero bytes, one byte for the type (8: unsigned byte), one for the
number of dimensions, each dimension as a big-endian 32-bit number, then the values, last index fastest.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from accelsim.errors import AccelsimError
from accelsim.files import read_bytes

SIDE = 28
PARTS = (("train", 60_000), ("t10k", 10_000))
UNSIGNED_BYTE = 8


@dataclass(frozen=True)
class DigitSet:
    """Labelled grey images: `images` uint8 (count, 28, 28), `labels` int64 (count,), 0 to 9."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Pixels as float32 (len(index), 784) in [0, 1], and labels."""
        return self.images[index].reshape(len(index), -1).to(torch.float32) / 255.0, self.labels[index]


@dataclass(frozen=True)
class Split:
    """Indices of a data set, int64 (count,) each: the 7:2:1 split of the NIT paper, section 4.2."""

    train: Tensor
    validation: Tensor
    test: Tensor


def load_digits(folder: Path | str) -> DigitSet:
    """All 70,000 images of MNIST or Fashion-MNIST: the official training set, then the official test set.

    `folder` holds train-images-idx3-ubyte, train-labels-idx1-ubyte and the two t10k files, each with or
    without .gz. Raises AccelsimError when one is missing, damaged, of another size, or has a label above 9.
    """
    images, labels = [], []
    for part, count in PARTS:
        images.append(_read(Path(folder), f"{part}-images-idx3-ubyte", (count, SIDE, SIDE)))
        name = f"{part}-labels-idx1-ubyte"
        labels.append(_read(Path(folder), name, (count,)))
        if labels[-1].max() > 9:
            raise AccelsimError(f"{Path(folder) / name}: label {labels[-1].max()}, must be 0 to 9")
    return DigitSet(
        torch.from_numpy(np.concatenate(images)), torch.from_numpy(np.concatenate(labels).astype(np.int64))
    )


def split_digits(count: int, seed: int) -> Split:
    """A seeded split of `count` images into training, validation and test sets, 7 : 2 : 1."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    first, second = count * 7 // 10, count * 9 // 10
    return Split(order[:first], order[first:second], order[second:])


def _read(folder: Path, name: str, shape: tuple[int, ...]) -> np.ndarray:
    path = next((p for p in (folder / name, folder / f"{name}.gz") if p.exists()), None)
    if path is None:
        raise AccelsimError(f"{folder / name}: missing, with or without .gz")
    raw = read_bytes(path, "idx file")
    try:
        raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise AccelsimError(f"{path}: cannot read: {error}") from error
    header = 4 + 4 * len(shape)
    wanted = bytes((0, 0, UNSIGNED_BYTE, len(shape))) + struct.pack(f">{len(shape)}I", *shape)
    if raw[:header] != wanted:
        raise AccelsimError(f"{path}: not an idx file of bytes of shape {shape}")
    if len(raw) - header != math.prod(shape):
        raise AccelsimError(f"{path}: {len(raw) - header} values, must be {math.prod(shape)}")
    return np.frombuffer(raw, dtype=np.uint8, offset=header).reshape(shape)
