"""A page taken apart with the standard library's HTML parser."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

Attributes = dict[str, str | None]


@dataclass
class Parsed(HTMLParser):
    """Elements with their attributes, scripts with their text, and all other text."""

    elements: list[tuple[str, Attributes]] = field(default_factory=list)
    scripts: list[tuple[Attributes, str]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            attributes, before = self.scripts[-1]
            self.scripts[-1] = attributes, before + data
        elif self._inside != "style":
            self.texts.append(data)

    @property
    def data(self) -> Any:
        """What the page's scripts work on."""
        (text,) = (text for attributes, text in self.scripts if attributes.get("id") == "data")
        return json.loads(text)

    @property
    def text(self) -> str:
        """All that is read outside scripts and styles."""
        return " ".join(" ".join(self.texts).split())


def parsed(page: Path) -> Parsed:
    """Read a page."""
    parser = Parsed()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser


def rows(table: Any) -> list[dict[str, Any]]:
    """A packed table's rows by name."""
    return [dict(zip(table["columns"], values, strict=True)) for values in table["rows"]]
