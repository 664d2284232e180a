"""Folders of results: a flipped bit, a lost or foreign file is found by `check` and by whatever reads the folder."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from accelsim.cli import main
from accelsim.results.folder_checksums import CHECKSUMS

FLIPS = int(os.environ.get("ACCELSIM_FLIPS", "40"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "out"
    with pytest.raises(SystemExit) as ended:
        main(
            ["figure5", "--traces", "resnet18-cifar10", "--images", "0", "--schemes",
             "dense,unstructured-87.5,nm-1of8", "--out", str(folder)]
        )  # fmt: skip
    assert ended.value.code == 0
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "out"))


def code_and_errors(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[object, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    said = capsys.readouterr()
    return ended.value.code, said.err, said.out


def refused(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    page = folder.parent / "page.html"
    code, errors, _ = code_and_errors(capsys, "report", folder, "--html", page)
    assert (code, errors.count("\n")) == (2, 1) and str(folder) in errors, errors
    assert not page.exists()
    code, errors, _ = code_and_errors(capsys, "check", folder)
    assert code == 1 and str(folder) in errors


def test_a_whole_folder(capsys: pytest.CaptureFixture[str], whole: Path) -> None:
    assert code_and_errors(capsys, "check", whole)[0] == 0
    listed = [line.split("  ")[1] for line in (whole / CHECKSUMS).read_text().splitlines()]
    assert sorted([*listed, CHECKSUMS]) == sorted(each.name for each in whole.iterdir())
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--quiet", "--strict", "-c", CHECKSUMS], cwd=whole, check=True)


def test_every_flipped_bit_is_found(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    rng, files = random.Random(12), sorted(folder.iterdir())
    for number in range(FLIPS):
        path = files[number % len(files)]
        raw = path.read_bytes()
        bit = rng.randrange(8 * len(raw))
        damaged = bytearray(raw)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        code, errors, _ = code_and_errors(capsys, "check", folder)
        assert code == 1 and str(folder) in errors, f"{path.name}, bit {bit}"
        path.write_bytes(raw)
    path.write_bytes(damaged)
    refused(capsys, folder)


def test_a_file_that_is_lost_or_of_another_run(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "images.csv").unlink()
    refused(capsys, folder)
    sums = folder / CHECKSUMS
    sums.write_text(
        "".join(line for line in sums.open() if "images.csv" not in line and "claims" not in line)
    )
    refused(capsys, folder)
    (folder / "claims.json").unlink()
    assert code_and_errors(capsys, "check", folder)[0] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"name": 1}, {"holds": "yes"}, {"evidence": None}, {"under_draws": 3},
        {"under_draws": {"share": "x", "changed_by": []}},
        {"network": ["a"]}, {"under_draws": {"share": 0.5, "changed_by": "abc"}},
        {"under_draws": {"share": 1, "changed_by": [1]}},
    ],
)  # fmt: skip
def test_without_checksums_types_are_checked(
    capsys: pytest.CaptureFixture[str], folder: Path, change: dict[str, object]
) -> None:
    (folder / CHECKSUMS).unlink()
    code, _, said = code_and_errors(capsys, "check", folder)
    assert code == 0 and "written before checksums" in said
    claims = json.loads((folder / "claims.json").read_text())
    (folder / "claims.json").write_text(json.dumps([claims[0] | change]))
    refused(capsys, folder)
