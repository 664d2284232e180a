"""The official binary files of CIFAR-10 and CIFAR-100: names, digests and record layout.

Needs no PyTorch, so that the command line can offer the data sets by name.
"""

from __future__ import annotations

from dataclasses import dataclass

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
"""SHA-1 of the official files, as MXNet's loaders check them; sizes and labels would not notice another order."""

PIXEL_BYTES = 3 * 32 * 32
RECORD_BYTES = 1 + PIXEL_BYTES


@dataclass(frozen=True)
class Layout:
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


LAYOUTS = {
    "cifar10": Layout("CIFAR-10", "cifar-10-batches-bin", TRAIN_FILES, TEST_FILES, 1, 10),
    "cifar100": Layout("CIFAR-100", "cifar-100-binary", ("train.bin",), ("test.bin",), 2, 100),
}
DATASETS = tuple(LAYOUTS)
