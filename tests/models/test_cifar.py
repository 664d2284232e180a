"""The CIFAR-10 reader against files written by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import AccelsimError
from models.data.cifar import RECORD_BYTES, RECORDS_PER_FILE, load_cifar10, to_float


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
    with pytest.raises(AccelsimError, match=r"data_batch_1\.bin: missing"):
        load_cifar10(tmp_path, train=True)
    records = write_test_batch(tmp_path)
    records[9_999, 0] = 10
    records.tofile(tmp_path / "test_batch.bin")
    with pytest.raises(AccelsimError, match=r"test_batch\.bin: label 10"):
        load_cifar10(tmp_path, train=False)
    (tmp_path / "test_batch.bin").write_bytes(b"x" * 100)
    with pytest.raises(AccelsimError, match="100 bytes, must be 30730000"):
        load_cifar10(tmp_path, train=False)
