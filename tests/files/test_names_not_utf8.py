"""File names that are not UTF-8: refused in one line before any work, by every command, for inputs and outputs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from accelsim.bundled import bundled_path
from accelsim.cli import main
from accelsim.errors import AccelsimError
from accelsim.files import check_output_file, readable_file, replaced, writable_folder
from tests.files.test_unreadable_inputs import INPUTS

NAMES = [b"bad\xff", b"\xff", b"a\x80b", b"\xe9t\xe9", b"\xc3\x28", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80"]
OUTPUTS = {
    "run": (["run", "resnet18-cifar10", "--machine", "dense", "--out"], ""),
    "compare": (["compare", "resnet18-cifar10", "--out"], ""),
    "figure5": (["figure5", "--out"], ""),
    "schema": (["schema", "machine", "--out"], ".json"),
    "bitops": (["bitops", "--out"], ".csv"),
    "export": (["export", "--checkpoint", "none", "--out"], ".h5"),
    "sweep": (["sweep", "equal-area", "--db"], ".db"),
    "search": (["search", "equal-area", "--db"], ".db"),
    "timeline": (["timeline", "resnet18-cifar10", "--machine", "dense", "--scheme", "dense", "--layer", "conv1",
                  "--out"], ".json"),
    "timeline plot": (["timeline", "resnet18-cifar10", "--machine", "dense", "--scheme", "dense", "--layer", "conv1",
                       "--plot"], ".png"),
}  # fmt: skip


def refusal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    said = capsys.readouterr().err
    assert ended.value.code == (1 if arguments[0] == "check" else 2), said
    assert said.count("\n") == 1 and said.isascii() and "Traceback" not in said, said
    return said


@pytest.mark.parametrize("name", NAMES)
def test_every_way_to_read_or_write_refuses(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    for attempt in (
        lambda: readable_file(path, "trace"),
        lambda: check_output_file(path),
        lambda: check_output_file(path / "file"),
        lambda: writable_folder(path),
        lambda: replaced(path).__enter__(),
    ):
        with pytest.raises(AccelsimError, match="not a file name in UTF-8"):
            attempt()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("within", [False, True])
def test_outputs_of_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, within: bool
) -> None:
    arguments, suffix = OUTPUTS[name]
    bad = tmp_path / os.fsdecode(NAMES[0])
    place = bad / f"out{suffix}" if within else bad.with_name(f"{bad.name}{suffix}")
    said = refusal([*arguments, str(place)], capsys)
    assert r"bad\xff" in said and "not a file name in UTF-8" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", INPUTS)
def test_inputs_of_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    np.save(tmp_path / "images.npy", np.zeros((2, 3, 32, 32), np.float32))
    bad = tmp_path / os.fsdecode(NAMES[0])
    shutil.copy(bundled_path("hwconfigs/dense.yaml"), bad)
    files = (("INPUT", bad.name), ("OUT", "output.h5"), ("NPY", "images.npy"), ("PAGE", "page.html"),
             ("TIMELINE", "timeline.json"))  # fmt: skip
    paths = {word: str(tmp_path / file) for word, file in files}
    assert r"bad\xff" in refusal([paths.get(word, word) for word in INPUTS[name]], capsys)
