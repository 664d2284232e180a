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
from typing import Any

from accelsim.errors import AccelsimError, suggestion

MAX_TEXT = 2000
MAX_DEPTH = 50
MAX_NUMBER = 1e100
MAX_EXPONENT = 64

Path = tuple[str, ...]
Lookup = Callable[[Path], object]
"""The value of a dotted name; raises KeyError if there is none, with the known names as the error's argument."""

Functions = Mapping[str, Callable[..., object]]

_WORDS = {"true": True, "false": False, "null": None}
"""As YAML writes them; to Python's grammar ``True``, ``False`` and ``None`` are constants."""


def _arithmetic(apply: Callable[..., Any]) -> Callable[..., Any]:
    def of(*operands: Any) -> Any:
        return None if None in operands else _bounded(apply(*map(_number, operands)))

    return of


def _ordering(symbol: str, compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def of(left: Any, right: Any) -> bool:
        if left is None or right is None:
            return False
        if isinstance(left, str) != isinstance(right, str):
            raise TypeError(f"cannot tell whether {left!r} {symbol} {right!r}")
        return compare(left, right)

    return of


def _power(base: Any, exponent: Any) -> Any:
    if abs(exponent) > MAX_EXPONENT:
        raise ValueError(f"an exponent of {exponent:g}; at most {MAX_EXPONENT}")
    return base**exponent


_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: _arithmetic(operator.add),
    ast.Sub: _arithmetic(operator.sub),
    ast.Mult: _arithmetic(operator.mul),
    ast.Div: _arithmetic(operator.truediv),
    ast.FloorDiv: _arithmetic(operator.floordiv),
    ast.Mod: _arithmetic(operator.mod),
    ast.Pow: _arithmetic(_power),
    ast.UAdd: _arithmetic(operator.pos),
    ast.USub: _arithmetic(operator.neg),
    ast.Not: lambda value: not _truth(value),
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: _ordering("<", operator.lt),
    ast.LtE: _ordering("<=", operator.le),
    ast.Gt: _ordering(">", operator.gt),
    ast.GtE: _ordering(">=", operator.ge),
    ast.In: lambda value, values: value in values,
    ast.NotIn: lambda value, values: value not in values,
}


def _function(apply: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: apply(_number(x))


PLAIN_FUNCTIONS: Functions = {
    "min": lambda first, *more: min(_number(value) for value in (first, *more)),
    "max": lambda first, *more: max(_number(value) for value in (first, *more)),
    "abs": _function(abs),
    "ceil": _function(math.ceil),
    "floor": _function(math.floor),
    "round": _function(round),
    "sqrt": _function(math.sqrt),
    "log2": _function(math.log2),
}
"""What every expression may call."""


class Expression:
    """A parsed expression. ``where`` begins every message: the file, line and field, or the option.

    ``names`` are the dotted names that it reads, ``calls`` the functions that it calls.
    """

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
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise AccelsimError(
                f"{where}: {_short(text)} is not an expression{_syntax_fault(error)}"
            ) from None
        self.names: set[Path] = set()
        self.calls: set[str] = set()
        self._check(self._body, 0, functions)

    def value(self, lookup: Lookup, functions: Functions = PLAIN_FUNCTIONS) -> Any:
        """Evaluate. Raises AccelsimError for an unknown name, a division by zero, or operands of the wrong kind."""
        try:
            return _value(self._body, lookup, functions)
        except (AccelsimError, ArithmeticError, TypeError, ValueError) as error:
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
        """Refuse whatever is not listed, before anything is evaluated; note the names and calls."""
        if depth > MAX_DEPTH:
            raise self._told("nested too deeply")
        children = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
        match node:
            case ast.Name() | ast.Attribute() if path := _path(node):
                if path[0] not in _WORDS:
                    self.names.add(path)
                children = []
            case ast.Call(func=ast.Name(id=name), keywords=[]):
                if name not in functions:
                    raise self._told(f"no function {name!r}; {suggestion(name, sorted(functions))}")
                if wrong := _wrong_count(functions[name], len(node.args)):
                    raise self._told(f"{name} {wrong}")
                self.calls.add(name)
                children = node.args
            case ast.UnaryOp(op=op) | ast.BinOp(op=op) if type(op) in _OPERATORS:
                pass
            case ast.Compare(ops=ops) if all(type(op) in _OPERATORS for op in ops):
                pass
            case ast.Constant(value=bool() | int() | float() | str() | None):
                pass
            case ast.BoolOp() | ast.IfExp() | ast.List() | ast.Tuple():
                pass
            case _:
                # Its own text: `ast.unparse` would go as deep as the text does.
                said = ast.get_source_segment(self._source, node) or type(node).__name__
                raise self._told(f"{_short(said)} is not allowed in an expression")
        for child in children:
            self._check(child, depth + 1, functions)


def _syntax_fault(error: Exception) -> str:
    """Return what Python's parser found and where, in parentheses; nothing if it does not say."""
    if not isinstance(error, SyntaxError) or not error.offset or not error.lineno:
        return ""
    line = f"line {error.lineno}, " if error.lineno > 1 else ""
    return f" ({line}character {error.offset}: {' '.join(error.msg.split())})"


def _value(node: ast.expr, lookup: Lookup, functions: Functions) -> Any:
    """Return the value of a node that `Expression` has checked."""

    def of(child: ast.expr) -> Any:
        return _value(child, lookup, functions)

    match node:
        case ast.Constant():
            return node.value
        case ast.Name() | ast.Attribute():
            return _named(_path(node), lookup)
        case ast.UnaryOp():
            return _OPERATORS[type(node.op)](of(node.operand))
        case ast.BinOp():
            return _OPERATORS[type(node.op)](of(node.left), of(node.right))
        case ast.BoolOp():
            combine = all if isinstance(node.op, ast.And) else any
            return combine(_truth(of(value)) for value in node.values)
        case ast.Compare():
            left = of(node.left)
            for op, other in zip(node.ops, node.comparators, strict=True):
                right = of(other)
                if not _OPERATORS[type(op)](left, right):
                    return False
                left = right
            return True
        case ast.IfExp():
            return of(node.body if _truth(of(node.test)) else node.orelse)
        case ast.List() | ast.Tuple():
            return [of(item) for item in node.elts]
        case ast.Call(func=ast.Name(id=name)):
            arguments = [of(argument) for argument in node.args]
            return None if None in arguments else functions[name](*arguments)
    raise AssertionError(node)


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


def _path(node: ast.expr) -> Path:
    """Return a dotted name's parts; none if the node is something else, or too deep."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute) and len(parts) < MAX_DEPTH:
        parts.append(node.attr)
        node = node.value
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) else ()


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
