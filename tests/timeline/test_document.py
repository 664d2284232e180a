"""docs/timeline.md: what it says comes of its command does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from accelsim.cli import main

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/timeline.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    (found,) = [text for name, text in blocks if name == language]
    return str(found)


def run(arguments: list[str]) -> object:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    return stopped.value.code


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(block("sh").replace("\\\n", " "))
    assert program == "accelsim"
    assert run(arguments) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"layer.json", "layer.vcd", "power.png"}
    capsys.readouterr()
    where = arguments.index("--blocks")
    assert run([*arguments[:where], *arguments[where + 2 :], "--max-jobs", "300"]) == 2
    assert capsys.readouterr().err.strip() == block("text").strip()
