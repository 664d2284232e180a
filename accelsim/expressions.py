"""Small arithmetic expressions from files and options, evaluated over named fields; never by Python's ``eval``.

The text is parsed with `ast`, and only what is listed here is evaluated: numbers, texts, ``true``, ``false``, ``null``,
dotted names, ``+ - * / // % **``, comparisons (also ``in``), ``and or not``, ``A if B else C``, lists, and calls of
functions that the caller gives. Sizes are bounded, so that no text can take long or much memory. ``null`` behaves as in SQL:
arithmetic with it is null, and no number is less or greater than it.
"""

from __future__ import annotations

import ast
import inspect
import math
import operator
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from accelsim.errors import AccelsimError, suggestion

MAX_TEXT = 2000
MAX_DEPTH = 50
MAX_NUMBER = 1e100

Path = tuple[str, ...]
Lookup = Callable[[Path], object]
"""The value of a dotted name; raises KeyError if there is none, with the known names as the error's argument."""

Functions = Mapping[str, Callable[..., object]]

_WORDS = {"true": True, "false": False, "null": None}
"""As YAML writes them; to Python's grammar ``True``, ``False`` and ``None`` are constants."""

_ARITHMETIC: dict[type[ast.operator], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
    ast.Pow: ("**", operator.pow),
}
_COMPARISONS: dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.In: ("in", lambda a, b: a in b),
    ast.NotIn: ("not in", lambda a, b: a not in b),
}


def _whole(rounded: Callable[[float], int]) -> Callable[[Any], int]:
    return lambda x: rounded(_number(x))


PLAIN_FUNCTIONS: Functions = {
    "min": lambda first, *more: min(_number(value) for value in (first, *more)),
    "max": lambda first, *more: max(_number(value) for value in (first, *more)),
    "abs": lambda x: abs(_number(x)),
    "ceil": _whole(math.ceil),
    "floor": _whole(math.floor),
    "round": _whole(round),
    "sqrt": lambda x: math.sqrt(_number(x)),
    "log2": lambda x: math.log2(_number(x)),
}
"""What every expression may call."""


class Expression:
    """A parsed expression. ``where`` begins every message: the file, line and field, or the option."""

    def __init__(self, text: str, where: str, functions: Functions = PLAIN_FUNCTIONS) -> None:
        """Parse and check. Of ``functions`` only names and parameters are looked at; `value` calls those that it is given.

        Raises AccelsimError if the text is no expression of the kind above.
        """
        self.text, self.where = text, where
        self._source = text.strip()
        if len(text) > MAX_TEXT:
            raise AccelsimError(f"{where}: an expression of {len(text)} characters; at most {MAX_TEXT}")
        try:
            self._body = ast.parse(self._source, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise AccelsimError(f"{where}: {_short(text)} is not an expression") from None
        self._check(self._body, 0, functions)

    @cached_property
    def names(self) -> frozenset[Path]:
        """The dotted names that it reads."""
        return frozenset(_names(self._body))

    @cached_property
    def calls(self) -> frozenset[str]:
        """The functions that it calls."""
        nodes = ast.walk(self._body)
        return frozenset(
            node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        )

    def value(self, lookup: Lookup, functions: Functions = PLAIN_FUNCTIONS) -> Any:
        """Evaluate. Raises AccelsimError for an unknown name, a division by zero, or operands of the wrong kind."""
        try:
            return self._value(self._body, lookup, functions)
        except AccelsimError as error:
            raise self._told(str(error)) from None
        except (ArithmeticError, TypeError, ValueError) as error:
            raise self._told(str(error)) from None

    def holds(self, lookup: Lookup, functions: Functions = PLAIN_FUNCTIONS) -> bool:
        """Evaluate to true or false. Raises AccelsimError as `value` does, or if it is neither."""
        result = self.value(lookup, functions)
        if not isinstance(result, bool):
            raise self._told(f"is {result!r}, not true or false")
        return result

    def _told(self, said: str) -> AccelsimError:
        prefix = f"{self.where}: "
        return AccelsimError(f"{prefix}{_short(self.text)}: {said.removeprefix(prefix)}")

    def _check(self, node: ast.expr, depth: int, functions: Functions) -> None:
        """Refuse whatever is not listed, before anything is evaluated."""
        if depth > MAX_DEPTH:
            raise self._told("nested too deeply")
        match node:
            case ast.Constant(value=bool() | int() | float() | str() | None):
                children: list[ast.expr] = []
            case ast.Name() | ast.Attribute() if _is_dotted(node):
                children = []
            case ast.BinOp(op=op) if type(op) in _ARITHMETIC:
                children = [node.left, node.right]
            case ast.UnaryOp(op=ast.UAdd() | ast.USub() | ast.Not()):
                children = [node.operand]
            case ast.BoolOp():
                children = node.values
            case ast.Compare(ops=ops) if all(type(op) in _COMPARISONS for op in ops):
                children = [node.left, *node.comparators]
            case ast.IfExp():
                children = [node.test, node.body, node.orelse]
            case ast.List() | ast.Tuple():
                children = node.elts
            case ast.Call(func=ast.Name(id=name), keywords=[]):
                if name not in functions:
                    raise self._told(f"no function {name!r}; {suggestion(name, sorted(functions))}")
                if wrong := _wrong_count(functions[name], len(node.args)):
                    raise self._told(f"{name} {wrong}")
                children = node.args
            case _:
                # Its own text: `ast.unparse` would go as deep as the text does.
                said = ast.get_source_segment(self._source, node) or type(node).__name__
                raise self._told(f"{_short(said)} is not allowed in an expression")
        for child in children:
            self._check(child, depth + 1, functions)

    def _value(self, node: ast.expr, lookup: Lookup, functions: Functions) -> Any:
        def of(child: ast.expr) -> Any:
            return self._value(child, lookup, functions)

        match node:
            case ast.Constant():
                return node.value
            case ast.Name() | ast.Attribute():
                return _named(_dotted(node), lookup)
            case ast.BinOp():
                symbol, apply = _ARITHMETIC[type(node.op)]
                left, right = of(node.left), of(node.right)
                if left is None or right is None:
                    return None
                left, right = _number(left), _number(right)
                if symbol == "**" and abs(right) > 64:
                    raise ValueError(f"an exponent of {right:g}; at most 64")
                return _bounded(apply(left, right))
            case ast.UnaryOp(op=ast.Not()):
                return not _truth(of(node.operand))
            case ast.UnaryOp():
                operand = of(node.operand)
                sign = -1 if isinstance(node.op, ast.USub) else 1
                return None if operand is None else sign * _number(operand)
            case ast.BoolOp(op=ast.And()):
                return all(_truth(of(value)) for value in node.values)
            case ast.BoolOp():
                return any(_truth(of(value)) for value in node.values)
            case ast.Compare():
                return self._comparison(node, of)
            case ast.IfExp():
                return of(node.body) if _truth(of(node.test)) else of(node.orelse)
            case ast.List() | ast.Tuple():
                return [of(item) for item in node.elts]
            case ast.Call(func=ast.Name(id=name)):
                arguments = [of(argument) for argument in node.args]
                return None if None in arguments else functions[name](*arguments)
        raise AssertionError(node)  # `_check` let nothing else through

    @staticmethod
    def _comparison(node: ast.Compare, of: Callable[[ast.expr], Any]) -> bool:
        left = of(node.left)
        for op, other in zip(node.ops, node.comparators, strict=True):
            right = of(other)
            symbol, compare = _COMPARISONS[type(op)]
            ordered = symbol in ("<", "<=", ">", ">=")
            if ordered and None not in (left, right) and isinstance(left, str) != isinstance(right, str):
                raise TypeError(f"cannot tell whether {left!r} {symbol} {right!r}")
            if (ordered and None in (left, right)) or not compare(left, right):
                return False
            left = right
        return True


def _named(path: Path, lookup: Lookup) -> Any:
    if len(path) == 1 and path[0] in _WORDS:
        return _WORDS[path[0]]
    try:
        return lookup(path)
    except KeyError as error:
        wrong = ".".join(path)
        known = sorted(error.args[0]) if error.args else []
        raise AccelsimError(f"no field {wrong!r}; {suggestion(wrong, known)}") from None


def _wrong_count(function: Callable[..., object], given: int) -> str | None:
    """What is wrong with calling the function with so many arguments; None if nothing is."""
    parameters = inspect.signature(function).parameters.values()
    named = [each for each in parameters if each.kind is not each.VAR_POSITIONAL]
    least = sum(each.default is each.empty for each in named)
    most = len(named) if len(named) == len(parameters) else math.inf
    if least <= given <= most:
        return None
    allowed = (
        f"{least} or more" if most > len(named) else str(least) if least == most else f"{least} to {most}"
    )
    return f"is given {given} argument(s); it takes {allowed}"


def _is_dotted(node: ast.expr) -> bool:
    for _ in range(MAX_DEPTH):
        if not isinstance(node, ast.Attribute):
            break
        node = node.value
    return isinstance(node, ast.Name)


def _dotted(node: ast.expr) -> Path:
    if isinstance(node, ast.Attribute):
        return (*_dotted(node.value), node.attr)
    assert isinstance(node, ast.Name)
    return (node.id,)


def _names(node: ast.expr) -> list[Path]:
    if isinstance(node, ast.Name | ast.Attribute):
        path = _dotted(node)
        return [] if path[0] in _WORDS else [path]
    children = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    if isinstance(node, ast.Call):
        children = list(node.args)
    return [path for child in children for path in _names(child)]


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return _bounded(value)


def _bounded(value: Any) -> Any:
    if isinstance(value, complex) or not abs(value) <= MAX_NUMBER:
        raise ValueError(f"a result that is not a number of at most {MAX_NUMBER:g}")
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is not true or false")
    return value


def _short(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= 60 else f"{text[:56]} ...")
