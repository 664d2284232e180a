"""How programs end: exit codes, and one line for whatever is told on the way."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest

from accelsim.errors import AccelsimError
from models.command import exit_code


def raising(error: BaseException) -> None:
    raise error


def test_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(lambda: None) == 0
    assert capsys.readouterr().err == ""
    assert exit_code(lambda: raising(AccelsimError("file: field: wrong"))) == 2
    assert capsys.readouterr().err == "file: field: wrong\n"
    assert exit_code(lambda: raising(KeyboardInterrupt()), goes_on_from="step 3") == 130
    assert capsys.readouterr().err == "stopped; the same command goes on from step 3\n"
    with pytest.raises(ZeroDivisionError):  # a fault of the program is not taken for one of its input
        exit_code(lambda: raising(ZeroDivisionError()))


def test_a_warning_is_one_line() -> None:
    """In a process of its own: pytest shows warnings its own way."""
    code = (
        "import sys, warnings; from models.command import exit_code; "
        "sys.exit(exit_code(lambda: warnings.warn('few rows', stacklevel=1)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "warning: few rows\n")
    before = warnings.formatwarning
    exit_code(lambda: None)
    assert warnings.formatwarning is before
