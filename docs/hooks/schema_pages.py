"""Markdown of the YAML files' fields, from the JSON Schemas that ``accelsim schema`` prints and editors check with.

They are read from ``docs/schema/``, where a test keeps them fresh: making those of recipes anew would take PyTorch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from accelsim.schemas import SCHEMAS
from accelsim.tables import frame_of, markdown_table

FOLDER = Path(__file__).resolve().parents[1] / "schema"

Schema = dict[str, Any]


def markdown() -> str:
    """A section for every kind of file, a table for each of its sections."""
    return "\n".join(line for kind in SCHEMAS for line in _kind(kind))


def _kind(kind: str) -> Iterator[str]:
    schema = json.loads((FOLDER / f"{kind}.json").read_text(encoding="utf-8"))
    yield f"## {kind.capitalize()} files"
    yield ""
    if "description" in schema:
        yield f"{_text(schema['description'])} `accelsim schema {kind}` prints the schema."
        yield ""
    whole = schema.get("else", schema)  # what follows `if` is for files that extend another
    seen: list[str] = []
    yield from _table(kind, whole, schema["$defs"], seen)
    for name in seen:  # grows while it is read: sections of sections
        section = schema["$defs"][name]
        yield f"### {kind}: {name}"
        yield ""
        if "description" in section:
            yield _text(section["description"])
            yield ""
        yield from _table(kind, section, schema["$defs"], seen)


def _table(kind: str, section: Schema, definitions: Schema, seen: list[str]) -> Iterator[str]:
    required = section.get("required", [])
    rows = []
    for name, field in section.get("properties", {}).items():
        for found in _references(field):
            if found not in seen and "properties" in definitions[found]:
                seen.append(found)
        default = "required" if name in required else _value(field.get("default"))
        meaning = _text(field.get("description", ""))
        rows.append([f"`{name}`", _allowed(kind, field, definitions), default, meaning])
    yield markdown_table(frame_of(rows, ["field", "allowed", "default", "meaning"]))


def _references(field: Any) -> Iterator[str]:
    if isinstance(field, dict):
        for key, value in field.items():
            if key == "$ref":
                yield value.rpartition("/")[2]
            else:
                yield from _references(value)
    elif isinstance(field, list):
        for value in field:
            yield from _references(value)


def _allowed(kind: str, field: Schema, definitions: Schema) -> str:
    """What a value may be, in words."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        if "properties" in definitions[name]:
            return f"[section {name}](#{kind}-{name.lower()})"
        return _allowed(kind, definitions[name], definitions)
    for several in ("anyOf", "oneOf", "allOf"):
        if several in field:
            return " or ".join(dict.fromkeys(_allowed(kind, each, definitions) for each in field[several]))
    if "const" in field:
        return _value(field["const"])
    if "enum" in field:
        return ", ".join(_value(value) for value in field["enum"])
    return _plain(kind, field, definitions)


def _plain(kind: str, field: Schema, definitions: Schema) -> str:
    words = {"integer": "whole number", "number": "number", "string": "text", "boolean": "`true`, `false`"}
    shape = field.get("type")
    if shape == "null":
        return "`null`"
    if shape == "array":
        return f"list of: {_allowed(kind, field['items'], definitions)}" if "items" in field else "list"
    if shape == "object" and "properties" in field:
        return f"`{{{', '.join(field['properties'])}}}`"
    if shape == "object":
        values = field.get("additionalProperties")
        inner = _allowed(kind, values, definitions) if isinstance(values, dict) else "anything"
        return f"mapping of names to: {inner}"
    text = words.get(str(shape), "anything")
    return ", ".join([text, *_bounds(field)])


def _bounds(field: Schema) -> Iterator[str]:
    for key, words in (
        ("minimum", "at least"),
        ("exclusiveMinimum", "above"),
        ("maximum", "at most"),
        ("exclusiveMaximum", "below"),
        ("multipleOf", "a multiple of"),
    ):
        if key in field:
            yield f"{words} {field[key]:,}"


def _value(value: object) -> str:
    """As YAML has it: texts need no quotes, unless they are empty."""
    return f"`{value}`" if isinstance(value, str) and value else f"`{json.dumps(value)}`"


def _text(description: str) -> str:
    """As the cell of a table; a document that it names is linked."""
    linked = re.sub(r"docs/([\w-]+\.md)", r"[\1](../\1)", description)
    return " ".join(linked.split())
