"""The values of an axis: a list as it is, or a range written as ``{from, to, step | factor | count}``."""

from __future__ import annotations

import math

from accelsim.errors import AccelsimError

MAX_VALUES = 100_000
_RANGE_KEYS = ("step", "factor", "count")

Values = tuple[object, ...]


def axis_values(given: object, where: str) -> Values:
    """The values of an axis: as `listed_values`, without repetition."""
    # By kind and text: 1, 1.0 and true are equal to Python, and differ to a machine.
    return tuple({(type(value), repr(value)): value for value in listed_values(given, where)}.values())


def listed_values(given: object, where: str) -> Values:
    """The values, in order. Numbers stay whole where ``from``, ``to`` and the step are.

    step: ``from``, ``from + step``, ... up to ``to``. factor: the same by multiplication. count: so many values
    from ``from`` to ``to``, each the same multiple of the one before. What is reached by multiplication is
    rounded if ``from`` and ``to`` are whole.

    Raises AccelsimError, beginning with ``where``, for anything else.
    """
    if isinstance(given, dict):
        values = _range(given, where)
    elif isinstance(given, list):
        values = given
    else:
        raise AccelsimError(f"{where}: {given!r} is neither a list nor a range {{from, to, step}}")
    if not values:
        raise AccelsimError(f"{where}: has no values")
    if len(values) > MAX_VALUES:
        raise AccelsimError(f"{where}: has {len(values)} values; at most {MAX_VALUES}")
    return tuple(values)


def _range(given: dict[str, object], where: str) -> list[object]:
    how = [key for key in _RANGE_KEYS if key in given]
    if len(how) != 1 or set(given) != {"from", "to", how[0]}:
        raise AccelsimError(
            f"{where}: a range has the keys from, to, and one of step, factor, count; "
            f"this one has {', '.join(given) or 'none'}"
        )
    numbers = {key: _number(value, f"{where}.{key}") for key, value in given.items()}
    first, last, by = numbers["from"], numbers["to"], numbers[how[0]]
    if last < first:
        raise AccelsimError(f"{where}: from {first:g} to {last:g} runs backwards")
    if how[0] == "step":
        return _arithmetic(first, last, by, where)
    if first <= 0:
        raise AccelsimError(f"{where}.from: {first:g}; a range by {how[0]} begins above 0")
    whole = isinstance(first, int) and isinstance(last, int)
    if how[0] == "factor":
        if by <= 1:
            raise AccelsimError(f"{where}.factor: {by:g}; must be greater than 1")
        count = _checked_count(_log_ratio(first, last) / math.log(by), where)
        values = [_times_power(first, by, step) for step in range(count)]
    else:
        if not isinstance(by, int) or by < 2:
            raise AccelsimError(f"{where}.count: {by:g}; must be a whole number of at least 2")
        _checked_count(by - 1, where)
        values = [_between(first, last, step / (by - 1)) for step in range(by)]
        values[-1] = last
    return [round(value) if whole else value for value in values]


def _arithmetic(first: int | float, last: int | float, step: int | float, where: str) -> list[object]:
    if step <= 0:
        raise AccelsimError(f"{where}.step: {step:g}; must be greater than 0")
    count = _checked_count((last - first) / step, where)
    return [first + index * step for index in range(count)]


def _checked_count(steps: float, where: str) -> int:
    """Return the number of values that `steps` steps make; checked before they are made, since it may be infinite."""
    # The small share forgives 0.3 / 0.1 for being less than 3.
    if not steps + 1e-9 < MAX_VALUES:
        raise AccelsimError(f"{where}: has too many values; at most {MAX_VALUES}")
    return math.floor(steps + 1e-9) + 1


def _log_ratio(first: int | float, last: int | float) -> float:
    ratio = last / first
    return math.log(ratio) if math.isfinite(ratio) else math.log(last) - math.log(first)


def _times_power(first: int | float, by: int | float, step: int) -> int | float:
    """Return first * by**step, which is finite even where the power alone is not."""
    try:
        return first * by**step
    except OverflowError:
        return first * by ** (step // 2) * by ** (step - step // 2)


def _between(first: int | float, last: int | float, share: float) -> float:
    """Return the value at `share` of the way from `first` to `last` by multiplication."""
    ratio = last / first
    if math.isfinite(ratio):
        return float(first * ratio**share)
    root = math.sqrt(last) / math.sqrt(first)  # the ratio of two floats may overflow, its root does not
    return float(first * root**share * root**share)


def _number(value: object, where: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e15:
        raise AccelsimError(f"{where}: {value!r} is not a number of at most 1e15")
    return value
