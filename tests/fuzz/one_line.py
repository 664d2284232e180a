"""What may come of bad input: it is taken, or refused in one line. Anything else is a fault."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable
from typing import TypeVar

from click.testing import CliRunner

from accelsim.cli import cli
from accelsim.cli.program import run_program
from accelsim.errors import AccelsimError

Result = TypeVar("Result")


def refusal(act: Callable[[], object]) -> str | None:
    """Return the one line that `act` ends in, or None if it ends well. Other exceptions are raised."""
    try:
        act()
    except AccelsimError as error:
        message = str(error)
        assert message and "\n" not in message, repr(message)
        return message
    return None


def command(arguments: list[str]) -> tuple[int, str, str]:
    """Run a command line in this process; return its exit code, stdout and stderr."""
    runner = CliRunner()
    with warnings.catch_warnings(), runner.isolation() as streams:
        warnings.simplefilter("ignore")
        code = run_program(cli, arguments, name="accelsim", prefix="accelsim: ")
        out, err = streams[0].getvalue(), streams[1].getvalue()
    gc.collect()
    return code, out.decode(errors="replace"), err.decode(errors="replace")
