"""Whether a command line of a document would be understood, without running it."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import importlib.util
import io
import re
import runpy
import shlex
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import click

from accelsim.cli import cli
from tests.docs.blocks import ROOT

KNOWN = ("cd", "git", "apt-get", "source", "export", "mkdir", "cat", "xdg-open", "dask", "jupyter")
"""Programs that are not ours: nothing is checked."""


class NotUnderstood(AssertionError):
    """A command line that would be refused."""


class _Parsed(BaseException):
    """Raised in the place of the work, once the arguments are understood."""


def commands(text: str) -> Iterator[list[str]]:
    """The simple commands of a shell text: continued lines joined, comments and redirections dropped."""
    for lexer in _lines(text):
        words: list[str] = []
        for word in lexer:
            if set(word) <= set("|&;"):
                yield from [words] if words else []
                words = []
            elif set(word) <= set("<>"):
                next(lexer, None)
            elif words or not re.fullmatch(r"[A-Z_]+=.*", word):
                words.append(word)
        if words:
            yield words


def only_starts(text: str, program: str) -> bool:
    """Whether a shell would do no more with a text than start the program, once for each command."""
    operators = [word for line in _lines(text) for word in line if set(word) <= set("|&;<>")]
    return (
        not operators and not set(text) & set("$`") and all(words[0] == program for words in commands(text))
    )


def _lines(text: str) -> Iterator[shlex.shlex]:
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        yield lexer


def check_command(words: Sequence[str], place: str) -> None:
    """Raise NotUnderstood if a command names a subcommand, option, module, target or extra that does not exist."""
    program, *arguments = words
    try:
        if program == "accelsim":
            _check_accelsim(arguments)
        elif program in ("python", "python3"):
            _check_python(arguments)
        elif program == "make":
            _check_make(arguments)
        elif program == "pip":
            _check_pip(arguments)
        elif program not in KNOWN and not program.startswith("."):
            raise NotUnderstood(f"no program that documents use: {program}")
    except NotUnderstood as error:
        raise NotUnderstood(f"{place}: {shlex.join(words)}: {error}") from None


def check_options(words: Sequence[str], place: str) -> None:
    """As `check_command`, for ``accelsim`` commands that leave something out: subcommand and options exist."""
    if words[1:] and not words[1].startswith("-") and words[1].islower():
        command = cli.get_command(click.Context(cli), words[1])
        if command is None:
            raise NotUnderstood(f"{place}: accelsim has no command {words[1]}")
        known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
        for word in words[2:]:
            name = word.split("=")[0]
            if name.startswith("--") and name not in known | {"--help"}:
                near = difflib.get_close_matches(name, known, n=1)
                raise NotUnderstood(f"{place}: accelsim {words[1]} has no option {name}; near: {near}")


def _check_accelsim(arguments: list[str]) -> None:
    if not arguments or arguments[0].startswith("-"):
        return
    name, *rest = arguments
    command = cli.get_command(click.Context(cli), name)
    if command is None:
        raise NotUnderstood(f"accelsim has no command {name}")
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            command.make_context(name, rest)
    except click.exceptions.Exit:
        pass  # --help
    except click.ClickException as error:
        raise NotUnderstood(error.format_message()) from None


def _check_python(arguments: list[str]) -> None:
    if not arguments or arguments[0] == "-c":
        return
    if arguments[0] == "-m":
        _, module, *rest = arguments
        if module in ("pip", "venv", "pytest", "http.server"):
            return
        spec = importlib.util.find_spec(module)
        if spec is None:
            raise NotUnderstood(f"no module {module}")
        _parse_only(lambda: runpy.run_module(module, run_name="__main__", alter_sys=True), [module, *rest])
        return
    script = ROOT / arguments[0]
    if not script.is_file():
        raise NotUnderstood(f"no file {arguments[0]}")
    if re.search(
        r"^import (argparse|click)$|^from accelsim.cli.program import",
        script.read_text(encoding="utf-8"),
        re.MULTILINE,
    ):
        _parse_only(lambda: runpy.run_path(str(script), run_name="__main__"), list(arguments))


def help_page(words: Sequence[str]) -> str:
    """What ``python -m MODULE --help`` or ``python SCRIPT --help`` prints."""
    page = io.StringIO()
    with mock.patch.object(sys, "argv", [words[-1], "--help"]), contextlib.redirect_stdout(page):
        try:
            if words[0] == "-m":
                runpy.run_module(words[1], run_name="__main__", alter_sys=True)
            else:
                runpy.run_path(str(ROOT / words[0]), run_name="__main__")
        except SystemExit as stopped:
            assert not stopped.code
    return page.getvalue()


def _parse_only(start: Any, argv: list[str]) -> None:
    """Start a program, argparse or click, and stop it where it has understood its arguments."""
    understood = argparse.ArgumentParser.parse_args

    def parse_args(self: argparse.ArgumentParser, args: Any = None, namespace: Any = None) -> Any:
        understood(self, args, namespace)
        raise _Parsed

    def invoke(self: click.Command, context: click.Context) -> Any:
        raise _Parsed

    said = io.StringIO()
    with (
        mock.patch.object(argparse.ArgumentParser, "parse_args", parse_args),
        mock.patch.object(click.Command, "invoke", invoke),
        mock.patch.object(sys, "argv", argv),
        contextlib.redirect_stderr(said),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        try:
            start()
        except _Parsed:
            return
        except SystemExit as stopped:
            if stopped.code:
                lines = said.getvalue().strip().splitlines() or [str(stopped.code)]
                raise NotUnderstood(lines[-1]) from None
            return
    raise NotUnderstood("ran without looking at its arguments")


def _check_make(arguments: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in arguments:
        if "=" not in target and not re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE):
            raise NotUnderstood(f"the Makefile has no target {target}")


def _check_pip(arguments: list[str]) -> None:
    with Path(ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    for word in arguments:
        ours = re.fullmatch(r"(\.|accelsim-nn)\[(.*)\]", word)
        for extra in ours[2].split(",") if ours else ():
            if extra not in project["optional-dependencies"]:
                raise NotUnderstood(f"pyproject.toml has no extra {extra}")
