"""The Tab key: the scripts that `accelsim completion` prints, in the shells themselves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from accelsim.cli import cli
from accelsim.cli.completion_command import SHELLS, VARIABLE


def in_shell(shell: str, script: str) -> list[str]:
    """What a shell prints that has this environment's accelsim on its PATH."""
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [shell, "-c", script], env=os.environ | {"PATH": path}, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def offered(line: str) -> list[str]:
    """What is offered for the last word of a line, by the same code that the scripts call."""
    *before, last = line.split(" ")
    completions = ShellComplete(cli, {}, "accelsim", VARIABLE).get_completions(before[1:], last)
    return [f"<{item.type}>" if item.type != "plain" else item.value for item in completions]


def test_bash() -> None:
    script = (
        "source <(accelsim completion bash); COMP_WORDS=({}); COMP_CWORD=$(({} - 1)); "
        "_accelsim_completion accelsim 2>/dev/null; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    assert in_shell("bash", script.format("accelsim ru", 2)) == ["run"]
    line = "accelsim run resnet18-cifar10 --machine unstr"
    machines = ["unstructured", "unstructured-none", "unstructured-pixel", "unstructured-single"]
    assert in_shell("bash", script.format(line, 5)) == machines


def test_fish() -> None:
    script = "accelsim completion fish | source; complete --do-complete 'accelsim vali'"
    assert in_shell("fish", script)[0] == "validate-rtl"


def test_zsh_understands_its_script() -> None:
    assert in_shell(
        "zsh", 'autoload -U compinit; compinit -uD; eval "$(accelsim completion zsh)"; echo fine'
    ) == ["fine"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "accelsim run resnet18",
            ["<file>", "resnet18-cifar10", "resnet18-none-cifar10", "resnet18-w16-at-cifar10"],
        ),
        ("accelsim run resnet18-cifar10 --schemes nm-1of8,nm-2", ["nm-1of8,nm-2of8", "nm-1of8,nm-2of4"]),
        ("accelsim run resnet18-cifar10 --layers layer3.0.s", ["layer3.0.shortcut.0"]),
        ("accelsim run nothing.h5 --schemes n", []),
        ("accelsim timeline --layer conv", []),
        ("accelsim compare resnet18-cifar10 --machines dense,spiking-n", ["<file>", "dense,spiking-noise"]),
        ("accelsim sweep equal", ["<file>", "equal-area"]),
        ("accelsim inspect x --technology freepdk45-", ["<file>", "freepdk45-rtl"]),
        ("accelsim completion ", list(SHELLS)),
    ],
)
def test_values(line: str, words: list[str]) -> None:
    assert offered(line) == words
