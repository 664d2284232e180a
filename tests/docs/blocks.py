"""The fenced code blocks of the documents, and the marks that say how a test treats one.

A mark is an HTML comment right before the fence:

    <!-- not run: it takes an hour -->                      only checked, for that reason
    <!-- file: other.yaml -->                               saved under that name for the blocks after it
    <!-- shortened: --trials 200 -> --trials 8 -->          run with that text replaced; several are separated by ;
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]

SHELL = ("sh", "bash", "console")
LANGUAGES = (*SHELL, "python", "yaml", "json", "text")
"""``text`` is for drawings and what a program prints."""

_MARK = re.compile(r"<!--\s*(not run|file|shortened):\s*(.*?)\s*-->", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block. line: of its fence, from 1. not_run: the reason. replace: (text, what the test runs instead)."""

    document: Path
    line: int
    language: str
    text: str
    not_run: str | None = None
    file: str | None = None
    replace: list[tuple[str, str]] = field(default_factory=list)

    @property
    def where(self) -> str:
        """``docs/sweeps.md:22``."""
        return f"{self.document.relative_to(ROOT)}:{self.line}"

    @property
    def runnable_text(self) -> str:
        """The text as a test runs it."""
        text = self.text
        for old, new in self.replace:
            assert old in text, f"{self.where}: the block has no {old!r} to shorten"
            text = text.replace(old, new)
        return text


def documents() -> list[Path]:
    """Every document for people: the README files and all of docs/."""
    readmes = [ROOT / "README.md", *sorted(ROOT.glob("[a-z]*/README.md"))]
    return [*readmes, *sorted(ROOT.glob("docs/**/*.md"))]


def blocks_of(document: Path, text: str | None = None) -> list[Block]:
    """The blocks of a document, in order. Fails on a fence that Markdown does not see as one, or a mark of nothing."""
    tokens = MarkdownIt().parse(document.read_text(encoding="utf-8") if text is None else text)
    found: list[Block] = []
    marks: dict[str, str] = {}
    for token in tokens:
        place = f"{document}:{token.map[0] + 1 if token.map else 0}"
        if token.type == "code_block":
            assert "```" not in token.content, f"{place}: an indented fence; tests cannot see it"
        if token.type == "html_block":
            assert not marks, f"{place}: a mark belongs right before its block"
            marks = dict(_MARK.findall(token.content))
        elif token.type == "fence":
            found.append(_block(document, token, marks))
            marks = {}
        elif token.nesting >= 0 and token.type != "inline":
            assert not marks, f"{place}: a mark belongs right before its block"
    assert not marks, f"{document}: a mark belongs right before its block"
    return found


def spans_of(document: Path) -> list[str]:
    """The texts in backticks of a document, outside blocks."""
    tokens = MarkdownIt("commonmark").enable("table").parse(document.read_text(encoding="utf-8"))
    return [
        child.content.replace("\n", " ")
        for token in tokens
        for child in token.children or ()
        if child.type == "code_inline"
    ]


def _block(document: Path, token: Token, marks: dict[str, str]) -> Block:
    replace = []
    for each in marks.get("shortened", "").split(";") if "shortened" in marks else ():
        old, arrow, new = each.partition(" -> ")
        assert arrow, f"{document}: {each!r}: shortened takes OLD -> NEW"
        replace.append((old.strip(), new.strip()))
    assert token.map is not None
    return Block(
        document=document,
        line=token.map[0] + 1,
        language=token.info.split()[0] if token.info.strip() else "",
        text=token.content,
        not_run=marks.get("not run"),
        file=marks.get("file"),
        replace=replace,
    )
