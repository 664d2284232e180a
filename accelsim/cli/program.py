"""Run a click command as a program: its exit code, and one line on stderr for whatever goes wrong.

``accelsim`` itself, the programs of a clone (``python -m models.training.train``) and ``python -m accelsim.rtl.synth``
end the same way.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import click

from accelsim.early_interrupt import EXIT_INTERRUPTED
from accelsim.errors import AccelsimError
from accelsim.interrupt import noted
from accelsim.visible_text import visible, visible_streams

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2

_SHOWN_NAME = 200
"""Characters of a file's name that a message shows."""


class Main(Protocol):
    """A program's ``main``: run it on `arguments`, by default the process's, and return its exit code."""

    def __call__(self, arguments: Sequence[str] | None = None) -> int: ...


def run_program(
    command: click.Command,
    arguments: Sequence[str] | None = None,
    *,
    name: str,
    prefix: str = "",
    interrupted: str = "stopped; the same command goes on from here",
) -> int:
    """Run `command` and return its exit code; a fault of the program itself is raised.

    Args:
        command: The command or group.
        arguments: The words of the command line; None takes those of the process.
        name: What the user typed before the arguments, as the help page shows it.
        prefix: What each line on stderr begins with, such as ``accelsim: ``.
        interrupted: The line after Ctrl-C.

    Returns:
        0; what the command returned, if a number; 1 if the output cannot be written; 2 for bad input; 130 after Ctrl-C.
    """

    # Pictures are saved, never shown: whatever this says, no backend is needed, and a wrong one stops matplotlib's import.
    os.environ.pop("MPLBACKEND", None)
    with visible_streams():
        return _exit_code(command, arguments, name, prefix, interrupted)


def _exit_code(
    command: click.Command, arguments: Sequence[str] | None, name: str, prefix: str, interrupted: str
) -> int:
    def tell(message: str) -> None:
        click.echo(prefix + " ".join(message.split()), err=True)

    try:
        with noted(), _warnings_of_one_line(prefix):
            words = None if arguments is None else list(arguments)
            status = command.main(words, prog_name=name, standalone_mode=False)
    except AccelsimError as error:
        tell(str(error))
        return EXIT_BAD_INPUT
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "")
        return EXIT_BAD_INPUT
    except click.UsageError as error:
        message = error.format_message()
        end = "" if message.endswith((".", "?")) else "."
        tell(f"{message}{end} See {error.ctx.command_path if error.ctx else name} --help")
        return EXIT_BAD_INPUT
    except click.ClickException as error:
        tell(error.format_message())
        return EXIT_BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        tell(interrupted)
        return EXIT_INTERRUPTED
    except OSError as error:
        if error.filename:  # a name from the command line or a file, such as one that is too long
            tell(f"{_shortened(visible(str(error.filename)))}: {error.strerror or error}")
            return EXIT_BAD_INPUT
        tell(f"cannot write output: {error.strerror or error}")
        return EXIT_FAILED
    return status if isinstance(status, int) else 0


def _shortened(name: str) -> str:
    return name if len(name) <= _SHOWN_NAME else f"{name[:_SHOWN_NAME]}..."


def program(
    name: str, description: str | None, *, goes_on_from: str = "here", several: Collection[str] = ()
) -> Callable[[Callable[..., Any]], Main]:
    """Make ``main(arguments=None) -> exit code`` of a function with click options: the program of a module.

    Args:
        name: What the user types before the arguments: ``python -m models.training.train``.
        description: The help page's text, printed as it is; the module's ``__doc__``.
        goes_on_from: Where the same command goes on after Ctrl-C.
        several: Options (``--seeds``) that take any number of values: ``--seeds 0 1 2``. Declare them ``multiple=True``.
    """

    def decorate(function: Callable[..., Any]) -> Main:
        command = click.command(**program_settings(description))(function)

        def main(arguments: Sequence[str] | None = None) -> int:
            """Run the command line; return the exit code (`run_program`)."""
            words = _repeated(sys.argv[1:] if arguments is None else arguments, several)
            interrupted = f"stopped; the same command goes on from {goes_on_from}"
            return run_program(command, words, name=name, interrupted=interrupted)

        return main

    return decorate


def program_settings(description: str | None) -> dict[str, Any]:
    """Return what ``click.command`` or ``click.group`` needs for a help page that shows `description` as it is."""
    paragraphs = (description or "").strip().split("\n\n")
    return {
        "help": "\n\n".join(f"\b\n{paragraph}" for paragraph in paragraphs),
        "context_settings": {"help_option_names": ["-h", "--help"], "max_content_width": 120},
    }


def _repeated(words: Sequence[str], several: Collection[str]) -> list[str]:
    """Return the words with ``--seeds 0 1`` as ``--seeds 0 --seeds 1``, for the options in `several`."""
    result: list[str] = []
    option, values = "", 0
    for word in words:
        if word.startswith("--"):
            option, values = (word, 0) if word in several else ("", 0)
        elif option:
            if values:
                result.append(option)
            values += 1
        result.append(word)
    return result


@contextmanager
def _warnings_of_one_line(prefix: str) -> Iterator[None]:
    """Show warnings as their text: where in the source one was raised is no news to a user."""
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *where: visible(f"{prefix}warning: {message}") + "\n"
    try:
        yield
    finally:
        warnings.formatwarning = before
