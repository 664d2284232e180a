"""Hash values, tables and text so that a change of layout, order of columns or provenance does not matter."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

SHARE_SUFFIXES = ("_busy", "_efficiency", "_utilization", "_share")
COST_SUFFIXES = ("_pj", "_us", "_mm2", "_rel")
COST_PART = "_rel_"

PROVENANCE = ("accelsim", "accelsim_version", "provenance", "trace", "machine", "technology", "code", "id")
"""Keys that say which files and which version made a result: they may change where no number does."""

NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")


def sha256(value: object) -> str:
    """Return the SHA-256 (hex) of a value's canonical text: dictionaries by key, floats by `repr`."""
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def plain(value: object) -> Any:
    """Return `value` as JSON types; NumPy scalars and arrays become Python numbers and lists.

    What is 0 in a dictionary is left out: a count that nothing has made, and a count that no component knows, are the same.
    So a new component, whose counts come behind the others, leaves every hash of a machine without it as it is.

    Raises:
        TypeError: If a value is of any other type: its `repr` could hold an address.
    """
    if isinstance(value, Mapping):
        return {
            str(key): each
            for key, each in ((key, plain(each)) for key, each in value.items())
            if not _is_zero(each)
        }
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return repr(float(value))
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    raise TypeError(f"cannot hash a {type(value).__name__}")


def _is_zero(value: object) -> bool:
    """Return whether a plain value is the number 0, whole, real or rounded to text."""
    return not isinstance(value, bool) and value in (0, "0", "0.0")


def significant(value: Any, digits: int = 9) -> Any:
    """Return numbers (also those in text, as CSV holds them) rounded to significant digits.

    For sums made by BLAS, whose last bits depend on the processor.
    """
    try:
        return f"{float(value):.{digits}g}"
    except (TypeError, ValueError):
        return value


def column_group(name: str, value: object) -> str:
    """Return which of a table's keys a column belongs to: labels, shares, costs or counts."""
    if name.endswith(SHARE_SUFFIXES):
        return "shares"
    if name.endswith(COST_SUFFIXES) or COST_PART in name:
        return "costs"
    if name in ("noise", "kind") or value is None or isinstance(value, str | bool):
        return "labels"
    return "counts"


def table_keys(prefix: str, rows: Sequence[Row], groups: Iterable[str] | None = None) -> dict[str, str]:
    """Return a hash for each group of columns of a table; the order of rows matters, that of columns does not."""
    split: dict[str, list[dict[str, Any]]] = {}
    kinds = {name: column_group(name, value) for row in reversed(rows) for name, value in row.items()}
    for group in sorted(set(kinds.values()) if groups is None else groups):
        split[group] = [{name: row[name] for name in row if kinds[name] == group} for row in rows]
    return {f"{prefix}/{group}": sha256(part) for group, part in split.items()}


def csv_values(rows: Iterable[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Return rows of text with whole numbers and floats parsed, so that `table_keys` can tell columns apart."""
    return [{name: _parsed(text) for name, text in row.items()} for row in rows]


def _parsed(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text or None


def without(value: Any, names: Iterable[str] = PROVENANCE) -> Any:
    """Return `value` without these keys (and any that ends in sha256), however deep they lie."""
    gone = set(names)
    if isinstance(value, Mapping):
        return {
            key: without(each, gone)
            for key, each in value.items()
            if key not in gone and not key.endswith("sha256")
        }
    return [without(each, gone) for each in value] if isinstance(value, list) else value


def numbers_in(text: str) -> list[str]:
    """Return the numbers of a text, sorted: what is left of a document if sentences and layout may change."""
    return sorted(NUMBER.findall(text))


def numbers_only(value: Any) -> Any:
    """Return `value` with every text replaced by a blank; keys and booleans stay."""
    if isinstance(value, Mapping):
        return {key: numbers_only(each) for key, each in value.items()}
    if isinstance(value, list):
        return [numbers_only(each) for each in value]
    return "" if isinstance(value, str) else value


def schema_shape(schema: Mapping[str, Any]) -> Any:
    """Return a JSON Schema with references resolved and without titles and descriptions.

    Names of definitions are class names, and titles and descriptions are prose: neither says what is allowed.
    """
    definitions = schema.get("$defs", {})

    def shape(value: Any, is_properties: bool = False) -> Any:
        if isinstance(value, list):
            return [shape(each) for each in value]
        if not isinstance(value, Mapping):
            return value
        if "$ref" in value and not is_properties:
            name = str(value["$ref"]).rsplit("/", 1)[-1]
            rest = {key: each for key, each in value.items() if key != "$ref"}
            return {**shape(definitions[name]), **shape(rest)}
        prose = () if is_properties else ("title", "description", "$defs", "mapping")
        return {key: shape(each, key == "properties") for key, each in value.items() if key not in prose}

    return shape(schema)
