"""Boolean functions as Liberty writes them, evaluated on whole arrays of bits at once.

Liberty's language is not that of `accelsim.expressions`: ``A B`` and ``A'`` are functions, ``^`` binds tighter than ``&``.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import AccelsimError

Bits = NDArray[np.uint64]

MAX_DEPTH = 50

_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_\[\]]*|[01]|[!'&*|+^()])")
_LEVELS = (("or", "|+"), ("and", "&*"), ("xor", "^"))
"""Operators of two operands and their signs; the loosest first."""

_APPLY = {"or": operator.or_, "and": operator.and_, "xor": operator.xor}
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@dataclass(frozen=True)
class BooleanFunction:
    """A node: `op` is "pin", "not", "and", "or", "xor", "0" or "1"."""

    op: str
    pin: str = ""
    parts: tuple[BooleanFunction, ...] = ()

    def pins(self) -> frozenset[str]:
        """Return the names of the pins it depends on."""
        return frozenset({self.pin} if self.op == "pin" else set()).union(*(p.pins() for p in self.parts))

    def __call__(self, values: Mapping[str, Bits]) -> Bits:
        """Evaluate the function at every bit position.

        Args:
            values: Pin name to uint64 array; all of one shape.
        """
        if self.op == "pin":
            return values[self.pin]
        if self.op in "01":
            any_value = next(iter(values.values()))
            return np.full_like(any_value, _ALL if self.op == "1" else 0)
        parts = [part(values) for part in self.parts]
        return ~parts[0] if self.op == "not" else reduce(_APPLY[self.op], parts)


def parse_function(text: str, where: str) -> BooleanFunction:
    """Read `!A & (B | C')`. Binds tightest first: inversion, ^, and (`&`, `*` or nothing), or (`|`, `+`).

    Raises:
        AccelsimError: The text is no such function, or nested more than 50 deep. `where` begins the message.
    """
    tokens, position = [], 0
    stripped = text.strip()
    while match := _TOKEN.match(stripped, position):
        tokens.append(match.group(1))
        position = match.end()
    parser = _Parser(tokens)
    try:
        result = parser.operation()
    except (IndexError, ValueError):
        result = None
    if result is None or position < len(stripped) or parser.next != len(tokens):
        raise AccelsimError(f"{where}: cannot read the function {text!r}")
    return result


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens, self.next, self._depth = tokens, 0, 0

    def _peek(self) -> str:
        return self._tokens[self.next] if self.next < len(self._tokens) else ""

    def _skip(self, signs: str) -> bool:
        found = self._peek() != "" and self._peek() in signs
        self.next += found
        return found

    def operation(self, level: int = 0) -> BooleanFunction:
        """Read operands of the operator of this level, or of those that bind tighter."""
        if level == len(_LEVELS):
            return self._factor()
        op, signs = _LEVELS[level]
        parts = [self.operation(level + 1)]
        # Two operands beside each other, without a sign, are an "and".
        while self._skip(signs) or (op == "and" and self._peek() and self._peek() not in "|+)^'"):
            parts.append(self.operation(level + 1))
        return parts[0] if len(parts) == 1 else BooleanFunction(op, parts=tuple(parts))

    def _factor(self) -> BooleanFunction:
        token = self._tokens[self.next]
        self.next += 1
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ValueError
        if token == "!":
            result = BooleanFunction("not", parts=(self._factor(),))
        elif token == "(":
            result = self.operation()
            if not self._skip(")"):
                raise ValueError
        elif token in ("0", "1"):
            result = BooleanFunction(token)
        elif token[0].isalpha() or token[0] == "_":
            result = BooleanFunction("pin", token)
        else:
            raise ValueError
        self._depth -= 1
        while token != "!" and self._skip("'"):
            result = BooleanFunction("not", parts=(result,))
        return result
