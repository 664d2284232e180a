"""docs/exit-codes.md names every command, and everything that a command can write."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from accelsim.cli import cli
from tests.files.test_command_outputs import outputs

TEXT = Path("docs/exit-codes.md").read_text(encoding="utf-8")


def rows() -> dict[str, set[str]]:
    """By command: the options that the table says it writes."""
    found: dict[str, set[str]] = {}
    for names, written in re.findall(r"^\| (`.+?) \| (.*?) \|", TEXT, re.MULTILINE):
        for name in re.findall(r"`([^`]+)`", names):
            assert name not in found, f"{name} is in two rows"
            found[name] = set(re.findall(r"`--([a-z-]+)", written))
    return found


def test_every_command_is_in_the_table_once() -> None:
    assert set(rows()) == set(cli.commands)


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_what_a_command_writes_is_in_its_row(name: str) -> None:
    ours = {option for command, option in outputs() if command == name}
    row = rows()[name]
    same = rows()["run"] if name == "figure5" else set()  # "the same, and ..."
    assert row | same == ours


def test_every_exit_code_of_the_commands_is_in_the_table() -> None:
    named = set(map(int, re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)))
    assigned = {
        int(code)
        for path in (*Path("accelsim/cli").glob("*.py"), Path("accelsim/early_interrupt.py"))
        for code in re.findall(r"\bEXIT_\w+ = (\d+)", path.read_text(encoding="utf-8"))
    }
    assert assigned and named == {0} | assigned
