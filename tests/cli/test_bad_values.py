"""Every option of every command with bad values: 2 and one line, no traceback, and no file changed.

The options come from the commands themselves, so that a new one is tried too.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click
import pytest

from accelsim.cli import cli, main

BAD = {
    "nothing": "",
    "no word": "\N{SNOWMAN}nonsense",
    "a number": "-1",
    "no number": "nan",
    "huge": "9" * 400,
    "long": "x" * 5000,
    "not UTF-8": "bad\udcff",
    "a folder that is not there": "/nonexistent/folder/file",
}

FREE_TEXT = {("report", "title"), ("search", "name")}
"""Options that mean what they say, whatever that is."""

SLOW = {"scheduler"}
"""Options with tests of their own, since a wrong value is told only after a time-out."""


GOOD = {
    "machine": "structured", "out": "out-of-it", "scheme": "nm-1of8", "layer": "conv1", "spec": "none.yaml", "db": "none.db",
    "results": "none", "html": "none.html", "weights": "none.safetensors", "machines": "structured", "kind": "machine",
    "shell": "bash", "layers": "none", "images": "0", "draws": "0", "cases": "0", "trials": "1",
}  # fmt: skip
"""Values that let the work come as far as the bad one; none of the files exists."""


def options() -> list[tuple[str, str]]:
    return [
        (name, option.name)
        for name, command in cli.commands.items()
        for option in command.params
        if option.name is not None and not getattr(option, "is_flag", False) and option.name not in SLOW
    ]


def arguments_of(command: click.Command, trace: Path, but: str, value: str) -> list[str]:
    """The arguments that are required, bad only in `but`, and few images and rows where that is an option."""
    good = GOOD | dict.fromkeys(("trace", "file", "files", "traces"), str(trace))
    words, last = [command.name or ""], []
    for parameter in command.params:
        name = parameter.name or ""
        if name == but:
            given = value
        elif name in good and (
            parameter.required
            or name in ("images", "traces", "draws", "cases", "trials")
            or (name == "layers" and command.name == "validate-rtl")
        ):
            given = good[name]
        else:
            continue
        if isinstance(parameter, click.Argument):
            last.append(given)
        else:
            words += [parameter.opts[-1], given]
    return [*words, "--", *last] if last else words


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize(("name", "option"), options())
def test_a_bad_value_is_told_in_one_line(
    name: str,
    option: str,
    kind: str,
    small_trace: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if name == "validate-rtl" and not all(map(importlib.util.find_spec, ("amaranth", "pyosys", "torch"))):
        pytest.skip("validate-rtl needs the extras rtl and train")
    monkeypatch.chdir(tmp_path)
    precious = tmp_path / "precious.csv"
    precious.write_text("as it was")
    raw = small_trace.read_bytes()
    with pytest.raises(SystemExit) as ended:
        main(arguments_of(cli.commands[name], small_trace, option, BAD[kind]))
    said = capsys.readouterr()
    code = ended.value.code or 0
    parameter = next(each for each in cli.commands[name].params if each.name == option)
    typed = isinstance(parameter.type, click.IntRange | click.Choice | type(click.INT) | type(click.FLOAT))
    if (name, option) == ("check", "files"):
        assert code == 1 and said.err
    elif typed and kind not in ("a number", "no number", "huge"):
        assert code == 2
    elif (name, option) in FREE_TEXT:
        assert code in (0, 2)
    if code == 2:
        assert said.err.startswith("accelsim: ") and said.err.count("\n") == 1, said.err
    assert code in (0, 1, 2) and (code != 1 or name == "check"), said.err
    assert "Traceback" not in said.err
    assert precious.read_text() == "as it was" and small_trace.read_bytes() == raw
