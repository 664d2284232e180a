"""How programs end: exit codes, and one line for whatever is told on the way."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable

import click
import pytest

from accelsim.cli.program import program, program_settings, run_program
from accelsim.errors import AccelsimError

PAGE = """Do the work.

    python -m work --number 1        as it stands here

A second paragraph
of two lines.
"""


def raising(error: BaseException) -> Callable[[], int]:
    @program("python -m work", PAGE, goes_on_from="step 3")
    def main() -> None:
        raise error

    return lambda: main([])


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (AccelsimError("file: field:\n wrong"), 2, "file: field: wrong\n"),
        (KeyboardInterrupt(), 130, "stopped; the same command goes on from step 3\n"),
        (OSError(28, "No space left on device"), 1, "cannot write output: No space left on device\n"),
        (OSError(28, "No space left on device", "x.csv"), 2, "x.csv: No space left on device\n"),
    ],
)  # fmt: skip
def test_a_fault_of_the_input_is_one_line(
    error: BaseException, code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert raising(error)() == code
    assert capsys.readouterr().err.lstrip("\n") == told  # click ends the line that the terminal shows ^C in


def test_a_fault_of_the_program_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        raising(ZeroDivisionError())()


def test_arguments_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    @program("python -m work", PAGE, several=["--seeds"])
    @click.option("--seeds", type=int, multiple=True, default=(7,))
    @click.option("--number", type=int, required=True)
    def main(seeds: tuple[int, ...], number: int) -> int:
        click.echo(f"{seeds} {number}")
        return number

    assert main(["--number", "0"]) == 0
    assert main(["--seeds", "1", "2", "3", "--number", "5"]) == 5
    assert main(["--number", "0", "--seeds", "4"]) == 0
    assert capsys.readouterr() == ("(7,) 0\n(1, 2, 3) 5\n(4,) 0\n", "")
    assert main(["--seeds", "1", "two", "--number", "5"]) == 2
    assert main(["--numbr", "5"]) == 2
    assert main([]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    first, second, third = printed.err.splitlines()
    assert "'two' is not a valid integer. See python -m work --help" in first
    assert "Did you mean '--number'? See python -m work --help" in second
    assert third == "Missing option '--number'. See python -m work --help"


def test_a_help_page_stands_as_it_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    @program("python -m work", PAGE)
    def main() -> None:
        raise AssertionError

    assert main(["--help"]) == 0
    shown = [line.strip() for line in capsys.readouterr().out.splitlines()]
    lines = [line.strip() for line in PAGE.splitlines()]
    assert lines == shown[shown.index(lines[0]) :][: len(lines)]


def test_a_group_and_a_prefix(capsys: pytest.CaptureFixture[str]) -> None:
    @click.group(**program_settings(PAGE))
    def figures() -> None:
        pass

    @figures.command("3")
    def third() -> None:
        raise AccelsimError("no figure")

    assert run_program(figures, ["3"], name="figures", prefix="figures: ") == 2
    assert capsys.readouterr().err == "figures: no figure\n"
    assert run_program(figures, [], name="figures") == 2
    assert capsys.readouterr().out.startswith("Usage: figures ")


def test_a_warning_is_one_line() -> None:
    """In a process of its own: pytest shows warnings its own way."""
    code = (
        "import sys, warnings; from accelsim.cli.program import program\n"
        "main = program('work', '')(lambda: warnings.warn('few rows', stacklevel=1))\n"
        "sys.exit(main([]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "warning: few rows\n")
    before = warnings.formatwarning
    raising(AccelsimError("x"))()
    assert warnings.formatwarning is before
