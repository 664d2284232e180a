"""Fields of a machine or technology by dotted path: is there such a one, read it, change it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from accelsim.errors import AccelsimError, suggestion

TECHNOLOGY = "technology"
LET = "let"
"""First parts of names that are no machine's: ``technology.events...``, and values that only expressions read."""

_FIXED = ("format", "name", "description")
"""Keys of a machine or technology file that no sweep changes."""


def flat(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every field by dotted path, sections too: ``mvu`` and ``mvu.vpus``."""
    for key, value in data.items():
        yield f"{prefix}{key}", value
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")


def check_field(field: str, machines: Mapping[str, Mapping[str, Any]], technology: Mapping[str, Any]) -> None:
    """Raise AccelsimError if ``field`` is none of a technology, or not of every machine (name to plain data)."""
    head, _, rest = field.partition(".")
    if head == LET:
        if not rest.isidentifier():
            raise AccelsimError(f"{field!r}: allowed after `{LET}.`: one name of letters, digits and _")
        return
    if head == TECHNOLOGY:
        _check_in(rest, technology, "the technology", prefix=f"{TECHNOLOGY}.")
        return
    for name, data in machines.items():
        _check_in(field, data, f"machine {name}")


def _check_in(field: str, data: Mapping[str, Any], whose: str, prefix: str = "") -> None:
    known = [path for path, _ in flat(data) if path not in _FIXED]
    if field in known:
        return
    section, _, _ = field.rpartition(".")
    while section and section not in known:
        section, _, _ = section.rpartition(".")
    if section and not isinstance(dict(flat(data))[section], Mapping):
        raise AccelsimError(
            f"{whose} has no {prefix}{field}: its {prefix}{section} is no section there; give it whole"
        )
    near = suggestion(f"{prefix}{field}", [f"{prefix}{name}" for name in known], most=12)
    raise AccelsimError(f"{whose} has no field {prefix}{field}; {near}")


def changed(data: Mapping[str, Any], field: str, value: Any) -> dict[str, Any]:
    """The data with one field replaced; ``data`` itself stays."""
    head, _, rest = field.partition(".")
    return {**data, head: changed(data[head] or {}, rest, value) if rest else value}


def look_up(data: Any, path: tuple[str, ...]) -> Any:
    """The value at a path. Raises KeyError if there is none."""
    for part in path:
        if not isinstance(data, Mapping) or part not in data:
            raise KeyError(part)
        data = data[part]
    return data
