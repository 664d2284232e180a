"""Boolean functions as Liberty writes them, evaluated on whole arrays of bits at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import AccelsimError

Bits = NDArray[np.uint64]

_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_\[\]]*|[01]|[!'&*|+^()])")
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@dataclass(frozen=True)
class Expression:
    """A node: `op` is "pin", "not", "and", "or", "xor", "0" or "1"."""

    op: str
    pin: str = ""
    parts: tuple[Expression, ...] = ()

    def pins(self) -> frozenset[str]:
        """Names of the pins it depends on."""
        return frozenset({self.pin} if self.op == "pin" else set()).union(*(p.pins() for p in self.parts))

    def __call__(self, values: Mapping[str, Bits]) -> Bits:
        """The function of every bit position of `values` (pin name to uint64 array; all of one shape)."""
        if self.op == "pin":
            return values[self.pin]
        if self.op in "01":
            any_value = next(iter(values.values()))
            return np.full_like(any_value, _ALL if self.op == "1" else 0)
        parts = [part(values) for part in self.parts]
        if self.op == "not":
            return ~parts[0]
        result = parts[0]
        for part in parts[1:]:
            result = (
                result & part if self.op == "and" else result | part if self.op == "or" else result ^ part
            )
        return result


def parse_expression(text: str, where: str) -> Expression:
    """Reads `!A & (B | C')`. Binds tightest first: inversion, ^, and (`&`, `*` or nothing), or (`|`, `+`).

    Raises AccelsimError if the text is no such function.
    """
    tokens, position = [], 0
    stripped = text.strip()
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None:
            raise AccelsimError(f"{where}: cannot read the function {text!r}")
        tokens.append(match.group(1))
        position = match.end()
    parser = _Parser(tokens)
    try:
        result = parser.alternatives()
    except (IndexError, ValueError):
        result = None
    if result is None or parser.next != len(tokens):
        raise AccelsimError(f"{where}: cannot read the function {text!r}")
    return result


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens, self.next = tokens, 0

    def _peek(self) -> str:
        return self._tokens[self.next] if self.next < len(self._tokens) else ""

    def alternatives(self) -> Expression:
        parts = [self._product()]
        while self._peek() in ("|", "+"):
            self.next += 1
            parts.append(self._product())
        return parts[0] if len(parts) == 1 else Expression("or", parts=tuple(parts))

    def _product(self) -> Expression:
        parts = [self._difference()]
        while self._peek() and self._peek() not in "|+)^'":
            if self._peek() in ("&", "*"):
                self.next += 1
            parts.append(self._difference())
        return parts[0] if len(parts) == 1 else Expression("and", parts=tuple(parts))

    def _difference(self) -> Expression:
        parts = [self._factor()]
        while self._peek() == "^":
            self.next += 1
            parts.append(self._factor())
        return parts[0] if len(parts) == 1 else Expression("xor", parts=tuple(parts))

    def _factor(self) -> Expression:
        token = self._tokens[self.next]
        self.next += 1
        if token == "!":
            return Expression("not", parts=(self._factor(),))
        if token == "(":
            result = self.alternatives()
            if self._tokens[self.next] != ")":
                raise ValueError
            self.next += 1
        elif token in ("0", "1"):
            result = Expression(token)
        elif token[0].isalpha() or token[0] == "_":
            result = Expression("pin", token)
        else:
            raise ValueError
        while self._peek() == "'":
            self.next += 1
            result = Expression("not", parts=(result,))
        return result
