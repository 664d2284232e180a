"""The command on invented files and on the bundled network: tables, warnings, what it refuses."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from accelsim.bitops.accounting import layer_bitops
from accelsim.nn.base.tensor_files import save_tensors
from accelsim.nn.data import cifar_layout
from accelsim.nn.networks import NETWORKS
from accelsim.trace import Scheme, open_trace
from models.evaluation.__main__ import main

ROOT = Path(__file__).parents[3]


def test_the_command(
    tiny_files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, checkpoint = tiny_files
    arguments = [
        "--checkpoint",
        str(checkpoint),
        "--data",
        str(folder),
        "--out",
        str(tmp_path / "o"),
        "--images",
        "10",
    ]
    arguments += ["--schemes", "dense,nm-1of4", "--projections", "fixed,refit", "--draws", "2", "--pool", "2"]
    assert main([*arguments, "--attacks", "clean,pgd2,transfer-pgd2,fgsm@1"]) == 0
    printed = capsys.readouterr()
    assert "nm-1of4+refit worst case: one" in printed.out
    assert " % (of clean, pgd2, transfer-pgd2, fgsm@1)\n" in printed.out
    beside = (tmp_path / "o" / "warnings.txt").read_text()
    assert "nm-1of4+refit: has met no BPDA (bpda-pgd20), no EOT (eot10-pgd20)" in beside
    assert printed.err == "".join(f"warning: {line}\n" for line in beside.splitlines())
    with (tmp_path / "o" / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["method"] for row in rows] == ["dense", "nm-1of4", "nm-1of4+refit"]
    columns = ["dataset", "network", "method", "clean:one", "clean:mean", "clean:worst", "pgd2:one"]
    assert list(rows[0])[:7] == columns and list(rows[0])[-2:] == ["bitops", "images"]
    # 225 positions of 8 neurons of 27 inputs, and the linear layer of 1,280.
    assert rows[0]["bitops"] == str(272 * (225 * 8 * 27 + 1280)) and int(rows[1]["bitops"]) < int(
        rows[0]["bitops"]
    )
    before = (tmp_path / "o" / "results.csv").read_bytes()
    assert main([*arguments, "--attacks", "clean,pgd2,transfer-pgd2,fgsm@1"]) == 0
    assert (tmp_path / "o" / "results.csv").read_bytes() == before
    assert main([*arguments, "--attacks", "clean"]) == 0
    assert not (tmp_path / "o" / "warnings.txt").exists()
    capsys.readouterr()
    for extra, told in ((["--seed", "7"], "of another seed"), (["--pool", "3"], "of another pool")):
        assert main([*arguments, "--attacks", "pgd2", *extra]) == 2
        assert told in capsys.readouterr().err
    assert main([*arguments, "--attacks", "pgd2", "--calibration", "15"]) == 2
    assert "of another calibration_sha256" in capsys.readouterr().err


def test_a_training_checkpoint_is_attacked_too(
    tiny_files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, checkpoint = tiny_files
    save_tensors(tmp_path / "t.safetensors", dict(NETWORKS["tiny"]().state_dict()), {"network": "tiny"})
    arguments = [
        "--checkpoint",
        str(tmp_path / "t.safetensors"),
        "--data",
        str(folder),
        "--out",
        str(tmp_path / "o"),
    ]
    assert main([*arguments, "--images", "4", "--attacks", "transfer-fgsm"]) == 2
    assert "give a --substitute" in capsys.readouterr().err
    assert (
        main([*arguments, "--images", "4", "--attacks", "transfer-fgsm", "--substitute", str(checkpoint)])
        == 0
    )


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--attacks", "pdg20"], "attack 'pdg20' is unknown"),
        (["--schemes", ","], "names nothing"),
        (["--schemes", "nm-1of4", "--controls", "zeroes"], "did you mean `zeros`"),
        (["--images", "0"], "images is 0"),
        (["--seed", "-1"], "'--seed': -1 is not in the range"),
        (["--device", "tpu"], "device: 'tpu' is unknown"),
        (["--threads", "0"], "'--threads': 0 is not in the range"),
    ],
)
def test_bad_input_is_one_line(
    tiny_files: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    extra: list[str],
    message: str,
) -> None:
    folder, checkpoint = tiny_files
    arguments = ["--checkpoint", str(checkpoint), "--data", str(folder), "--out", str(tmp_path / "o")]
    assert main([*arguments, *extra]) == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1 and not (tmp_path / "o").exists()


def test_the_bundled_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two invented images through the real ResNet-18: its BitOPs are the trace's."""
    monkeypatch.setattr(cifar_layout, "RECORDS_PER_FILE", 2)
    rng = np.random.default_rng(1)
    records = rng.integers(0, 10, (2, cifar_layout.RECORD_BYTES), dtype=np.uint8)
    records.tofile(tmp_path / "test_batch.bin")
    arguments = [
        "--checkpoint",
        str(ROOT / "models/checkpoints/resnet18-cifar10.safetensors"),
        "--data",
        str(tmp_path),
    ]
    arguments += [
        "--out",
        str(tmp_path / "o"),
        "--images",
        "2",
        "--schemes",
        "nm-1of8",
        "--controls",
        "none,random",
    ]
    assert main([*arguments, "--attacks", "clean,bpda-fgsm", "--draws", "2", "--threads", "1"]) == 0
    with (tmp_path / "o" / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    layers = open_trace(ROOT / "traces/resnet18-cifar10.h5").layers
    expected = sum(layer_bitops(layer, Scheme.nm(keep=1, of=8)).total for layer in layers)
    assert [int(row["bitops"]) for row in rows] == [expected, expected]
