"""Markdown of the command line, from the commands themselves: the same texts as ``accelsim COMMAND --help``."""

from __future__ import annotations

import html
import inspect
import re
from collections.abc import Iterator

import click

from accelsim.cli import cli
from accelsim.tables import frame_of, markdown_table

PROGRAM = "accelsim"


def commands(group: click.Command = cli, path: str = PROGRAM) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with the words that call it, in the order of the help page."""
    if isinstance(group, click.Group):
        for name, command in group.commands.items():
            yield from commands(command, f"{path} {name}")
    else:
        yield path, group


def markdown() -> str:
    """A section for every command."""
    return "\n".join(part for path, command in commands() for part in _section(path, command))


def _section(path: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=path, max_content_width=110)
    yield f"## {path}"
    yield ""
    yield "```text"
    yield " ".join([path, *command.collect_usage_pieces(context)])
    yield "```"
    yield ""
    yield from _description(command.help or "")
    options = [parameter for parameter in command.get_params(context) if isinstance(parameter, click.Option)]
    records = [(option, option.get_help_record(context)) for option in options if "--help" not in option.opts]
    rows = [[_names(option, record[0]), _cell(record[1])] for option, record in records if record is not None]
    yield markdown_table(frame_of(rows, ["option", ""]))


def _description(text: str) -> Iterator[str]:
    """Click's help text: paragraphs, and after a line of its own with a backspace one that keeps its lines."""
    for paragraph in inspect.cleandoc(text).split("\f")[0].split("\n\n"):
        if paragraph.startswith("\b\n"):
            yield from ("```text", paragraph.removeprefix("\b\n"), "```", "")
        else:
            yield from (_escaped(" ".join(paragraph.split())), "")


def _names(option: click.Option, shown: str) -> str:
    """``--name VALUE`` as code, with what must be given marked."""
    # Not in backticks: between them, what escapes a pipe on GitHub would be shown on the site.
    code = html.escape(shown, quote=False).replace("|", "&#124;")
    return f"<code>{code}</code>{' (required)' if option.required else ''}"


def _cell(text: str) -> str:
    text = re.sub(r"\s*\[required\]|; required(?=\])|required; (?=[^\[]*\])", "", text)
    return _escaped(" ".join(text.split()))


def _escaped(text: str) -> str:
    """Help texts are plain: what Markdown or HTML would take for its own stays as it is."""
    return re.sub(r"([*_\[\]])", r"\\\1", html.escape(text, quote=False))
