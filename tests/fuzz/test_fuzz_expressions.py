"""Expressions of sweeps and options, made of pieces that belong together and pieces that do not."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from accelsim.expressions import PLAIN_FUNCTIONS, Expression
from tests.fuzz.conftest import Cases
from tests.fuzz.one_line import refusal

ATOMS = (
    "1", "2.5", "a", "a.b", "x", "'t'", "True", "None", "1e308", "-3", "10**400", "0", "[1]", "{}", "f(1)", "min(1, a)",
    "max()", "abs('t')", "round(2.5)", "__import__('os')", "a.__class__", "(lambda: 1)()", "'%s' % a", "1 if a else 2",
    "[i for i in a]", "a[0]", "0x7f", "1_000", "\u0661", "", "1e400", "f'{a}'", "9" * 200,
)  # fmt: skip
OPERATORS = (
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "**",
    "<",
    "<=",
    "==",
    "!=",
    "and",
    "or",
    "in",
    "@",
    ":=",
    "<<",
    "is",
    "if",
    ",",
)
VALUES: tuple[Any, ...] = (0, 1, -7, 2.5, 1e308, float("nan"), True, "t", None, {"b": 3}, [1])


def expression(rng: Random, depth: int = 3) -> str:
    """Return an expression, or something like one."""
    if depth == 0 or rng.random() < 0.3:
        return rng.choice(ATOMS)
    left, right = expression(rng, depth - 1), expression(rng, depth - 1)
    form = rng.choice(("{} {} {}", "({} {} {})", "not {} {} {}", "-{} {} {}"))
    return form.format(left, rng.choice(OPERATORS), right)


def test_fuzz_expressions(cases: Cases, outcomes: Counter[str]) -> None:
    """An expression has a value, or is refused in one line."""
    for rng in cases("expressions", 400):
        text = expression(rng)
        values = {name: rng.choice(VALUES) for name in ("a", "x")}

        def look_up(path: tuple[str, ...], values: dict[str, Any] = values) -> Any:
            found: Any = values
            for part in path:
                if not isinstance(found, dict) or part not in found:
                    raise KeyError(part)
                found = found[part]
            return found

        said = refusal(
            lambda text=text, look_up=look_up: Expression(text, "here", PLAIN_FUNCTIONS).value(look_up)
        )
        assert said is None or said.startswith("here"), said
        outcomes["refused" if said else "has a value"] += 1
