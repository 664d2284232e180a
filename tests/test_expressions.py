"""The evaluator: what it computes, and that nothing else can be computed."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.errors import AccelsimError
from accelsim.expressions import MAX_DEPTH, MAX_NUMBER, MAX_TEXT, PLAIN_FUNCTIONS, Expression

FIELDS: dict[str, Any] = {"mvu.vpus": 16, "energy_pj": 2.5, "scheme": "nm-1of8", "dram": None, "held": True}


def look_up(path: tuple[str, ...]) -> Any:
    name = ".".join(path)
    if name not in FIELDS:
        raise KeyError(list(FIELDS))
    return FIELDS[name]


def value(text: str) -> Any:
    return Expression(text, "here").value(look_up)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3 ** 2", 19),
        ("-7 // 2", -4),
        ("7 % 4 - 1 / 4", 2.75),
        ("mvu.vpus * 2 >= 32 and not energy_pj > 3", True),
        ("1 < mvu.vpus <= 16 < 17", True),
        ("scheme in ['nm-1of8', 'dense']", True),
        ("scheme not in ['nm-1of8']", False),
        ("'big' if mvu.vpus > 8 else 'small'", "big"),
        ("held == true and dram == null", True),
        ("held == True and dram == None", True),
        ("held == False", False),
        ("max(1, ceil(log2(mvu.vpus + 1)), floor(2.9))", 5),
        ("round(sqrt(abs(-16.4)))", 4),
        ("min(3, 2, 9)", 2),
        # null, as in SQL
        ("dram < 3", False),
        ("dram >= 3", False),
        ("dram + 1", None),
        ("-dram", None),
        ("max(dram, 3)", None),
        ("dram != 3", True),
    ],
)
def test_values(text: str, expected: object) -> None:
    assert value(text) == expected
    assert type(value(text)) is type(expected)


NUMBERS = st.integers(-1000, 1000)


@given(NUMBERS, NUMBERS, NUMBERS, st.sampled_from("+-*"), st.sampled_from("+-*"), st.sampled_from("<>"))
def test_arithmetic_is_that_of_whole_numbers(
    a: int, b: int, c: int, op: str, other: str, compare: str
) -> None:
    by_hand = {"+": lambda x, y: x + y, "-": lambda x, y: x - y, "*": lambda x, y: x * y}
    expected = by_hand[other](by_hand[op](a, b), c)
    assert value(f"(({a}) {op} ({b})) {other} ({c})") == expected
    assert value(f"({a}) {compare} ({b})") == (a < b if compare == "<" else a > b)


COMPARED = st.sampled_from([" < ", " <= ", " > ", " >= ", " == ", " != "])
OPERATED = st.sampled_from([" + ", " - ", " * ", " / ", " // ", " % "])
ARITHMETIC = st.recursive(
    st.sampled_from(["0", "1", "7", "2.5", "1e3", "64"]),
    lambda part: st.one_of(
        st.tuples(part, OPERATED, part).map("({0[0]}{0[1]}{0[2]})".format),
        part.map("-{}".format),
        part.map("abs({})".format),
        st.lists(part, min_size=2, max_size=3).map(lambda parts: f"max({', '.join(parts)})"),
        st.tuples(part, COMPARED, part, part).map("({0[3]} if {0[0]}{0[1]}{0[2]} else {0[0]})".format),
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(ARITHMETIC)
def test_numbers_are_those_of_python(text: str) -> None:
    try:
        expected = eval(text, {"__builtins__": {}, "max": max, "abs": abs})
    except ZeroDivisionError:
        with pytest.raises(AccelsimError, match=r"by zero|modulo"):
            value(text)
    else:
        if abs(expected) <= MAX_NUMBER:
            assert value(text) == expected
            assert type(value(text)) is type(expected)


PIECES = st.sampled_from([
    "1", "0", "64", "65", "1e99", "1e400", "9**9", "'a'", "'a'*9", "true", "null", "None", "dram", "scheme", "mvu.vpus",
    "mvu.__class__", "x.y", "__import__", "f'{1}'", "b'a'", "1j", "...", "max", "min", "sqrt", "print", "eval",
    "lambda:1", "[1]", "[]", "()", "{1}", "{1:2}", "().__class__", "mvu[0]", "*[1]", "x:=1", "a=1", "\0", "\n", "#",
])  # fmt: skip
GLUE = st.sampled_from([
    "+", "-", "*", "/", "//", "%", "**", "<", "==", "<<", "@", "~", "(", ")", "[", "]", ",", ".", ";", ":",
    " in ", " is ", " and ", " or ", " not ", " if ", " else ", " for x in ",
])  # fmt: skip
HOSTILE = st.recursive(
    PIECES,
    lambda part: st.one_of(
        st.tuples(part, GLUE, part).map("".join),
        st.tuples(PIECES, part).map("{0[0]}({0[1]})".format),
        st.tuples(part, GLUE, part).map("({0[0]}{0[1]}{0[2]})".format),
        part.map("({0}, {0})".format),
        st.tuples(part, part, part).map("{0[0]} if {0[1]} else {0[2]}".format),
    ),
    max_leaves=10,
)


class Untouchable:
    """A field's value of which nothing may be read or called."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(name)


@settings(deadline=None, max_examples=500)
@given(HOSTILE)
def test_hostile_text_is_refused_or_computed_from_the_fields_alone(text: str) -> None:
    asked: list[tuple[str, ...]] = []

    def noted(path: tuple[str, ...]) -> Any:
        asked.append(path)
        return look_up(path)

    try:
        expression = Expression(text, "here")
        assert expression.calls <= set(PLAIN_FUNCTIONS)
        result = expression.value(noted)
    except AccelsimError as error:
        assert str(error).startswith("here: ") and "\n" not in str(error)
    else:
        assert set(asked) <= expression.names
        assert len(repr(result)) <= 20 * len(text) + 100


@pytest.mark.parametrize("text", ["x.__class__", "x.a.b", "x", "[x]", "x if true else 1"])
def test_fields_are_asked_for_by_their_whole_name_and_not_looked_into(text: str) -> None:
    asked = []
    Expression(text, "here").value(lambda path: asked.append(".".join(path)) or Untouchable())
    assert asked == [text.strip("[]").partition(" ")[0]]


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "().__class__",
        "(1).real",
        "'a'.join(['b'])",
        "[x for x in [1]]",
        "lambda: 1",
        "x := 3",
        "{1: 2}",
        "{1}",
        "f'{1}'",
        "mvu[0]",
        "max(*[1, 2])",
        "max(1, key=2)",
        "1 if 2",
        "a b",
        "",
        "1; 2",
        "b'x'",
        "1j",
        "...",
        "1 is 1",
        "~1",
        "1 << 2",
        "1 @ 2",
        "print(1)",
        "await x",
    ],
)
def test_nothing_else_is_an_expression(text: str) -> None:
    with pytest.raises(AccelsimError, match=r"\Ahere: ") as caught:
        Expression(text, "here")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 / 0", "division by zero"),
        ("10 ** 65", "exponent"),
        ("(10 ** 60) ** 2", "at most 1e"),
        ("9.0 ** 60 ** 60", "at most 1e"),
        ("(-8) ** 0.5", "at most 1e"),
        ("'a' * 1000", "not a number"),
        ("'a' + 'b'", "not a number"),
        ("true + 1", "not a number"),
        ("[1] + [2]", "not a number"),
        ("scheme < 3", "cannot tell"),
        ("1 and true", "not true or false"),
        ("not 1", "not true or false"),
        ("mvu.vpu", "did you mean `mvu.vpus`"),
        ("unheard", "allowed: dram, energy_pj"),
        ("log2(0)", "math domain"),
        ("min()", "min is given 0 argument(s); it takes 1 or more"),
        ("floor(1, 2)", "floor is given 2 argument(s); it takes 1"),
        ("3 in 4", ""),
    ],
)
def test_what_cannot_be_computed_is_told_in_one_line(text: str, said: str) -> None:
    with pytest.raises(AccelsimError, match=r"\Ahere: ") as caught:
        value(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 + * 2", "'1 + * 2' is not an expression (character 5: invalid syntax)"),
        ("max(1, 2", "'max(1, 2' is not an expression (character 4: '(' was never closed)"),
        ("(1 +\n )", "'(1 + )' is not an expression (line 2, character 2: invalid syntax)"),
        ("\0", "here: '\\x00' is not an expression"),
    ],
)
def test_what_cannot_be_parsed_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(AccelsimError) as caught:
        Expression(text, "here")
    assert said in str(caught.value)


def test_sizes_are_bounded() -> None:
    with pytest.raises(AccelsimError, match=f"at most {MAX_TEXT}"):
        Expression("1+" * MAX_TEXT + "1", "here")
    minus, dots = "-" * 1900 + "1", "a" + ".a" * 990
    for deep in (minus, dots, f"lambda: {minus}", f"b'' + ({dots})", "(" * 500 + "1" + ")" * 500):
        with pytest.raises(AccelsimError, match=r"\Ahere: .*\Z"):
            Expression(deep, "here")
    with pytest.raises(AccelsimError, match="nested too deeply"):
        Expression("-" * (MAX_DEPTH + 1) + "1", "here")


def test_a_condition_is_true_or_false() -> None:
    with pytest.raises(AccelsimError, match="not true or false"):
        Expression("mvu.vpus", "here").holds(look_up)


def test_names_and_calls() -> None:
    expression = Expression("max(a.b, c) + (d if true else a.b)", "here")
    assert expression.names == {("a", "b"), ("c",), ("d",)}
    assert expression.calls == {"max"}


@given(st.text(max_size=60))
def test_any_text_is_refused_or_computed(text: str) -> None:
    try:
        result = value(text)
    except AccelsimError as error:
        assert "\n" not in str(error)
    else:
        assert result is None or isinstance(result, bool | int | float | str | list)
        assert not isinstance(result, float) or math.isfinite(result)
