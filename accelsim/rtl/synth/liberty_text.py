"""The grammar of Liberty files: groups, simple attributes, complex attributes; no meaning yet."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from accelsim.errors import AccelsimError

_TOKEN = re.compile(
    r"""(?P<skip>\s+|/\*.*?\*/|//[^\n]*|\\\r?\n)
      | "(?P<string>(?:[^"\\]|\\.)*)"
      | (?P<mark>[(){};:,])
      | (?P<word>[^\s(){};:,"]+)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass
class Group:
    """`kind (args) { ... }`; attributes hold the values of both `a : v;` and `a (v, ...);`, in order."""

    kind: str
    args: tuple[str, ...]
    attributes: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)

    def all(self, kind: str) -> list[Group]:
        """The groups of one kind, in the order of the file."""
        return [group for group in self.groups if group.kind == kind]

    def text(self, name: str) -> str | None:
        """The first value of an attribute; None if it is absent."""
        values = self.attributes.get(name)
        return values[0][0] if values and values[0] else None


def parse(text: str, where: str) -> Group:
    """The outermost group of a Liberty file. Raises AccelsimError, with the line, if the text is not Liberty."""
    kinds: list[str] = []
    tokens: list[str] = []
    starts: list[int] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _fault(where, text, position, "a string that never ends")
        if match.lastgroup != "skip":
            kinds.append(match.lastgroup or "")
            tokens.append(match.group(match.lastgroup or 0))
            starts.append(position)
        position = match.end()
    try:
        return _Parser(where, text, kinds, tokens, starts).file()
    except RecursionError:
        raise AccelsimError(f"{where}: groups are nested too deeply") from None


def _fault(where: str, text: str, position: int, problem: str) -> AccelsimError:
    return AccelsimError(f"{where}: line {text.count(chr(10), 0, position) + 1}: {problem}")


class _Parser:
    def __init__(self, where: str, text: str, kinds: list[str], tokens: list[str], starts: list[int]) -> None:
        self._where, self._text, self._kinds, self._tokens, self._starts = where, text, kinds, tokens, starts
        self._next = 0

    def file(self) -> Group:
        found = self._statement(None)
        if found is None or self._next != len(self._tokens):
            raise self._error("expected one library group")
        return found

    def _statement(self, parent: Group | None) -> Group | None:
        """Reads one statement into `parent`; returns a group that has no parent (the library)."""
        name = self._take("word", "string")
        if self._is(":"):
            self._next += 1
            value = self._take("word", "string")
            while not self._is(";", "}") and self._on_same_line():  # `a : b + c`, and a missing semicolon
                value += " " + self._take("word", "string", "mark")
            self._skip(";")
            self._put(parent, name, (value,))
            return None
        self._expect("(")
        args = []
        while not self._is(")"):
            args.append(self._take("word", "string"))
            while self._is(",", ":"):
                self._next += 1
        self._next += 1
        if not self._is("{"):
            self._skip(";")
            self._put(parent, name, tuple(args))
            return None
        self._next += 1
        group = Group(name, tuple(args))
        while not self._is("}"):
            self._statement(group)
            while self._is(";"):
                self._next += 1
        self._next += 1
        if parent is None:
            return group
        parent.groups.append(group)
        return None

    def _put(self, parent: Group | None, name: str, values: tuple[str, ...]) -> None:
        if parent is None:
            raise self._error("expected a library group")
        parent.attributes.setdefault(name, []).append(values)

    def _on_same_line(self) -> bool:
        before, here = self._starts[self._next - 1], self._starts[self._next]
        return "\n" not in self._text[before:here]

    def _is(self, *marks: str) -> bool:
        if self._next >= len(self._tokens):
            raise self._error("the file ends inside a group")
        return self._kinds[self._next] == "mark" and self._tokens[self._next] in marks

    def _expect(self, mark: str) -> None:
        if not self._is(mark):
            raise self._error(f"expected {mark!r}, found {self._tokens[self._next]!r}")
        self._next += 1

    def _skip(self, mark: str) -> None:
        if self._next < len(self._tokens) and self._is(mark):
            self._next += 1

    def _take(self, *kinds: str) -> str:
        if self._next >= len(self._tokens):
            raise self._error("the file ends inside a group")
        if self._kinds[self._next] not in kinds:
            raise self._error(f"unexpected {self._tokens[self._next]!r}")
        self._next += 1
        return self._tokens[self._next - 1]

    def _error(self, problem: str) -> AccelsimError:
        position = self._starts[min(self._next, len(self._starts) - 1)] if self._starts else 0
        return _fault(self._where, self._text, position, problem)
