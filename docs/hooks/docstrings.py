"""Docstrings as Markdown: where they explain parameters line by line, the reader of the site sees a list.

In the code such a line is ``name: what it is``, or several names; lines that go on with it are indented.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_ITEM = re.compile(r"((?:\*{0,2}[a-z_]\w*)(?:, \*{0,2}[a-z_]\w*)*): (?=\S)")


class ParameterLists(griffe.Extension):
    """What mkdocstrings applies to everything that it reads."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrites the docstring of an object, if it has one."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(text: str) -> str:
    """The text with lines that explain names made list items. Its first paragraph says what the object is: no list."""
    first, *others = text.split("\n\n")
    return "\n\n".join(re.sub("::$", ":", each) for each in (first, *map(_paragraph, others)))


def _paragraph(text: str) -> str:
    """A sentence that a line ends with ends an item; one that wraps goes on with it, indented or not."""
    lines: list[str] = []
    in_list, at_end = False, True
    for line in text.splitlines():
        item = _ITEM.match(line) if at_end else None
        starts_text = in_list and item is None and at_end and not line.startswith("    ")
        if (item is not None and lines and not in_list) or starts_text:
            lines.append("")
        if item is not None:
            names = ", ".join(f"`{name}`" for name in item[1].split(", "))
            line = f"- {names}: {line[item.end() :]}"
        lines.append(line)
        in_list = item is not None or (in_list and not starts_text)
        at_end = line.endswith((".", ":"))
    return "\n".join(lines)
