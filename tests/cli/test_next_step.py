"""What an error suggests: the name that was meant, the command that makes what is missing, the extra to install."""

from __future__ import annotations

import re
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest

from accelsim.cli import main
from accelsim.errors import near_file, suggestion
from accelsim.store import Store
from tests.docs.blocks import ROOT


def said(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The one line on stderr of a command that must refuse its input."""
    with pytest.raises(SystemExit) as stopped:
        main([str(each) for each in arguments])
    printed = capsys.readouterr()
    assert stopped.value.code == 2
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    return line


RUN = ["run", "resnet18-cifar10", "--out", "never"]


@pytest.mark.parametrize(
    ("arguments", "suggested"),
    [
        (["rum"], "Did you mean 'run'? See accelsim --help"),
        (["run", "x", "--machin", "y"], "Did you mean '--machine'? See accelsim run --help"),
        (RUN, "Missing option '--machine'. See accelsim run --help"),
        ([*RUN, "--machine", "dense", "--images", "5:3"], "such as 0:4, 2: or 3. See accelsim run --help"),
        (["schema", "swep"], "'machine', 'technology', 'sweep'"),
        (
            ["run", "restnet18-cifar10", "--machine", "dense", "--out", "never"],
            "did you mean `resnet18-cifar10`?",
        ),
        (["run", "mine.h5", "--machine", "dense", "--out", "never"], "accelsim export makes a trace"),
        ([*RUN, "--machine", "strcutured"], "did you mean `structured`? allowed: dense, "),
        (
            [*RUN, "--machine", "structured", "--schemes", "nm-1of7"],
            "did you mean `nm-1of8`? allowed: dense, ",
        ),
        ([*RUN, "--machine", "structured", "--layers", "layer1.0.con1"], "did you mean `layer1.0.conv1`?"),
        ([*RUN, "--machine", "structured", "--technology", "freepd45"], "did you mean `freepdk45`?"),
        (["inspect", "strcutured"], "did you mean `structured`?"),
        (["sweep", "equal-aera"], "did you mean `equal-area`?"),
        (["results", "out/none.db"], "accelsim sweep SWEEP.yaml --db out/none.db makes it"),
    ],
)
def test_a_wrong_name(
    arguments: list[str], suggested: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert suggested in said(capsys, *arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_a_similar_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(ROOT / "hwconfigs/structured.yaml", tmp_path / "mine.yaml")
    (tmp_path / "half.yaml").write_text("extends: mien.yaml\nname: half\n")
    assert said(capsys, *RUN, "--machine", tmp_path / "mien.yaml").endswith(
        f"did you mean {tmp_path}/mine.yaml?"
    )
    assert said(capsys, *RUN, "--machine", tmp_path / "half.yaml").endswith(
        f"did you mean {tmp_path}/mine.yaml?"
    )
    assert near_file(tmp_path / "other.h5") == ""
    assert near_file(tmp_path / "nowhere/mine.yaml") == ""


def test_a_database_of_another_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "old.db"
    Store.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    line = said(capsys, "results", path)
    assert re.search(r"of version 999, but this accelsim uses \d+: sweep again into another --db", line)


@pytest.mark.parametrize(
    ("package", "arguments", "extra"),
    [
        ("torch", ["export", "--model", "a:b", "--out", "never.h5"], "train"),
        ("optuna", ["search", "equal-area", "--db", "{tmp}/a.db"], "search"),
        ("distributed", ["sweep", "equal-area", "--workers", "2", "--db", "{tmp}/a.db"], "cluster"),
    ],
)
def test_a_missing_extra(
    package: str, arguments: list[str], extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setitem(sys.modules, package, None)
    line = said(capsys, *(each.format(tmp=tmp_path) for each in arguments))
    assert f"pip install '.[{extra}]' in a clone" in line
    assert f'\n{extra} = ["' in (ROOT / "pyproject.toml").read_text()


def test_suggestions() -> None:
    assert suggestion("vpu", ["vpus", "cores"]) == "did you mean `vpus`? allowed: vpus, cores"
    assert suggestion("zzz", ["vpus", "cores"]) == "allowed: vpus, cores"
    assert suggestion("zzz", ["a", "b", "c"], most=2) == "allowed: a, b, ..."
    assert suggestion("zzz", []) == "allowed: none"
