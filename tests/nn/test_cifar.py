"""The CIFAR-10 reader against files written by hand."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import AccelsimError
from accelsim.nn.data import cifar, cifar_layout
from accelsim.nn.data.cifar import load_cifar10, to_float
from accelsim.nn.data.cifar_layout import RECORD_BYTES, RECORDS_PER_FILE


def write_test_batch(folder: Path) -> np.ndarray:
    records = np.zeros((RECORDS_PER_FILE, RECORD_BYTES), np.uint8)
    records[:, 0] = np.arange(RECORDS_PER_FILE) % 10
    records[3, 1 + 1024 + 2 * 32 + 5] = 255  # image 3, green, row 2, column 5
    folder.mkdir(parents=True, exist_ok=True)
    records.tofile(folder / "test_batch.bin")
    return records


@pytest.mark.parametrize("nested", ["", "cifar-10-batches-bin"])
def test_layout(tmp_path: Path, nested: str) -> None:
    write_test_batch(tmp_path / nested)
    data = load_cifar10(tmp_path, train=False)
    assert len(data) == 10_000 and data.labels[:12].tolist() == [*range(10), 0, 1]
    assert data.images[3].nonzero().tolist() == [[1, 2, 5]]
    assert to_float(data.images[3:4])[0, 1, 2, 5].item() == 1.0


def test_folder_from_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_test_batch(tmp_path)
    monkeypatch.setenv("ACCELSIM_DATA", str(tmp_path))
    assert len(load_cifar10(train=False)) == 10_000
    monkeypatch.delenv("ACCELSIM_DATA")
    with pytest.raises(AccelsimError, match="pass --data or set ACCELSIM_DATA"):
        load_cifar10(train=False)


def test_faults_are_named(tmp_path: Path) -> None:
    with pytest.raises(AccelsimError, match="no such folder"):
        load_cifar10(tmp_path / "nowhere", train=False)
    with pytest.raises(AccelsimError, match=r"data_batch_1\.bin: no such data file"):
        load_cifar10(tmp_path, train=True)
    records = write_test_batch(tmp_path)
    records[9_999, 0] = 10
    records.tofile(tmp_path / "test_batch.bin")
    with pytest.raises(AccelsimError, match=r"test_batch\.bin: label 10"):
        load_cifar10(tmp_path, train=False)
    (tmp_path / "test_batch.bin").write_bytes(b"x" * 100)
    with pytest.raises(AccelsimError, match="100 bytes, must be 30730000"):
        load_cifar10(tmp_path, train=False)


@pytest.mark.parametrize("nested", ["", "cifar-100-binary"])
def test_cifar100_takes_the_fine_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nested: str) -> None:
    monkeypatch.setattr(cifar_layout, "RECORDS_PER_FILE", 100)
    (tmp_path / nested).mkdir(exist_ok=True)
    for name, count in (("train.bin", 500), ("test.bin", 100)):
        records = np.zeros((count, 3074), np.uint8)
        records[:, 0], records[:, 1] = 7, np.arange(count) % 100
        records[3, 2 + 2048 + 31 * 32 + 1] = 9  # image 3, blue, last row, column 1
        records.tofile(tmp_path / nested / name)
    for train, count in ((True, 500), (False, 100)):
        data = cifar.load_cifar("cifar100", tmp_path, train=train)
        assert len(data) == count and data.labels[97:100].tolist() == [97, 98, 99]
        assert data.images[3].nonzero().tolist() == [[2, 31, 1]]
    (tmp_path / nested / "test.bin").write_bytes(bytes([0, 100]) * 153_700)
    with pytest.raises(AccelsimError, match=r"test\.bin: label 100, must be 0 to 99"):
        cifar.load_cifar("cifar100", tmp_path, train=False)
    (tmp_path / nested / "train.bin").unlink()
    with pytest.raises(AccelsimError, match=r"train\.bin: no such data file; the official CIFAR-100"):
        cifar.load_cifar("cifar100", tmp_path, train=True)


def test_files_that_are_not_the_official_ones_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the official size, with labels that are classes: only the digest can tell."""
    records = write_test_batch(tmp_path)
    with pytest.warns(cifar.UnofficialData, match=r"not the official CIFAR-10 files, .* test_batch\.bin$"):
        load_cifar10(tmp_path, train=False)
    digest = hashlib.sha1((tmp_path / "test_batch.bin").read_bytes()).hexdigest()
    monkeypatch.setitem(cifar.OFFICIAL_SHA1, "test_batch.bin", digest)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_cifar10(tmp_path, train=False)
    records[4_000, 700] ^= 1  # one bit
    records.tofile(tmp_path / "test_batch.bin")
    with pytest.warns(cifar.UnofficialData):
        load_cifar10(tmp_path, train=False)


def test_unknown_data_set(tmp_path: Path) -> None:
    with pytest.raises(AccelsimError, match="data set 'cifar1000' is unknown; did you mean"):
        cifar.load_cifar("cifar1000", tmp_path, train=True)
