"""Text of files and names, made safe to show: a terminal obeys control characters, so they are shown as escapes."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

_LAYOUT = "\n\t"
"""Control characters of plain text that stay."""


def visible(text: str) -> str:
    """Return `text` with every character that a terminal obeys, or does not show, as an escape such as ``\\x1b``.

    That is control characters except new line and tab, characters that change the direction or join others, bytes of a
    file name that are not UTF-8 (``\\xff``), and characters that Unicode has not assigned.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in _LAYOUT else _escape(each) for each in text)


def _escape(character: str) -> str:
    code = ord(character)
    if unicodedata.category(character) == "Zs":  # a space of another width
        return character
    if 0xDC80 <= code <= 0xDCFF:  # how Python holds a byte of a name that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


@contextmanager
def visible_streams() -> Iterator[None]:
    """Make `visible` what is written to standard output and standard error within, by whomever.

    Rich is left alone, since it writes escapes of its own: `accelsim.report.terminal.console` makes its text visible.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_Visible(stream) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class _Visible:
    """A text stream whose text is made visible; everything else is that of the stream behind it."""

    def __init__(self, stream: TextIO) -> None:
        self.rich_proxied_file = stream
        """The stream behind, under the name by which Rich asks for it."""

    def write(self, text: str) -> int:
        self.rich_proxied_file.write(visible(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)
