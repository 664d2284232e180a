"""Help pages: each has an example that the command understands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from accelsim.cli import cli
from tests.docs.blocks import ROOT
from tests.docs.command_lines import check_command, commands, help_page

MODULES = sorted(
    str(path.relative_to(ROOT))
    for room in ("accelsim/rtl", "models", "traces", "benchmarks")
    for path in (ROOT / room).rglob("*.py")
    if re.search(
        r"argparse\.ArgumentParser\(|^@program\(|\brun_program\(",
        path.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
)
"""Programs beside ``accelsim``."""


def examples(text: str, program: str) -> Iterator[list[str]]:
    """The commands of a help page that begin with the program; what follows two spaces says what they do."""
    lines = iter(text.splitlines())
    for line in lines:
        found = re.search(rf"(?:^ *|Examples?: *|^ +.*: )({re.escape(program)}\b.*)", line)
        if found:
            command = found[1]
            while command.endswith("\\") or (command.count('"') % 2):
                command = command.rstrip("\\") + next(lines).strip()
            if " ... " not in command:  # the same again, with more options
                yield from commands(re.split(r" {2,}", command.strip())[0])


def _subcommands() -> list[str]:
    return sorted(cli.commands)


@pytest.mark.parametrize("name", _subcommands())
def test_every_command_has_an_example_that_it_understands(name: str) -> None:
    command = cli.commands[name]
    assert command.help is not None
    # An example may go on in an indented line.
    text = re.sub(r"\n {10,}(?=--)", " ", command.help)
    found = list(examples(text, f"accelsim {name}"))
    assert found, f"accelsim {name} --help has no example"
    for words in found:
        check_command(words, f"accelsim {name} --help")


def test_the_first_page_has_examples() -> None:
    assert cli.help is not None
    found = list(examples(cli.help, "accelsim"))
    assert len(found) >= 3
    for words in found:
        check_command(words, "accelsim --help")


def test_every_option_is_explained() -> None:
    silent = [
        f"{name} {option.opts[0]}"
        for name, command in cli.commands.items()
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]
    assert silent == []


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
@pytest.mark.parametrize("file", MODULES)
def test_every_other_program_has_an_example_that_it_understands(file: str) -> None:
    module = re.sub(r"(/__main__)?\.py$", "", file).replace("/", ".")
    package = (ROOT / file).parent.joinpath("__init__.py").exists()
    program = f"python -m {module}" if package else f"python {file}"
    if package:
        pytest.importorskip("torch", reason="needs the extra train")
    page = help_page(["-m", module] if package else [file])
    found = list(examples(page, program))
    assert found, f"{program} --help has no example"
    for each in found:
        check_command(each, f"{program} --help")


def test_no_program_is_missed() -> None:
    assert {"models/training/train.py", "models/nit/reproduce.py", "benchmarks/engines.py"} <= set(MODULES)
    assert all(Path(ROOT / file).is_file() for file in MODULES)
