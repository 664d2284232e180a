"""JSON Schema of the YAML files, for editors: made from the classes that read them, so that the two cannot differ.

A schema knows each field by itself. What ties fields together (a port that must be a whole multiple of another) and what
only a layer shows is checked when a file is read.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from accelsim.config.check import Strict
from accelsim.config.extends import KEY as EXTENDS
from accelsim.config.machine import Machine
from accelsim.config.technology import STANDS_IN, TechnologyFile

Schema = dict[str, Any]

DIALECT = "http://json-schema.org/draft-07/schema#"
"""The one that all editors know."""


def machine_schema() -> Schema:
    """Of a machine file: a whole one, or what one says that ``extends`` another."""
    whole = _of(Machine)
    part = _with_nothing_required(whole)
    part["properties"][EXTENDS] = {
        "type": "string",
        "minLength": 1,
        "description": "Another machine file, or a bundled one's name; what this file does not say is as there.",
    }
    part["required"] = [EXTENDS, "name"]
    definitions = whole.pop("$defs") | {f"{name}Part": each for name, each in part.pop("$defs").items()}
    return {
        "$schema": DIALECT,
        "title": "accelsim machine",
        "description": "docs/machine.md, section 10, says what every field means.",
        "type": "object",
        "if": {"required": [EXTENDS]},
        "then": _pointing_to(part, "Part"),
        "else": whole,
        "$defs": {
            name: _pointing_to(each, "Part") if name.endswith("Part") else each
            for name, each in definitions.items()
        },
    }


def technology_schema() -> Schema:
    """Of a technology file. Keys that older files lack, and that others then stand in for, may be missing."""
    schema = _of(TechnologyFile)
    for section, keys in STANDS_IN.items():
        required = schema["$defs"][section.capitalize()]["required"]
        required[:] = [key for key in required if key not in keys]
    return {
        "$schema": DIALECT,
        "title": "accelsim technology",
        "description": "docs/energy.md says what every number is charged for.",
        **{key: value for key, value in schema.items() if key not in ("title", "description")},
    }


SCHEMAS: dict[str, Callable[[], Schema]] = {"machine": machine_schema, "technology": technology_schema}
"""By the kind of file."""


def schema_text(kind: str) -> str:
    """The schema of a kind of file as JSON text, as ``docs/schema/`` has it."""
    return json.dumps(SCHEMAS[kind](), indent=2, ensure_ascii=False) + "\n"


def _of(model: type[Strict]) -> Schema:
    """Pydantic's schema, less titles that only repeat a key and what is not JSON Schema."""
    schema: Schema = model.model_json_schema(ref_template="#/$defs/{model}")
    for section in (schema, *schema["$defs"].values()):
        section.pop("title", None)
        for field in section.get("properties", {}).values():
            field.pop("title", None)
            for choice in (field, *field.get("anyOf", ())):
                choice.pop("discriminator", None)
    return schema


def _with_nothing_required(schema: Schema) -> Schema:
    """The same sections with any of their keys."""
    part = deepcopy(schema)
    for section in (part, *part["$defs"].values()):
        section.pop("required", None)
        for field in section["properties"].values():
            for choice in (field, *field.get("anyOf", ())):
                if "oneOf" in choice:  # without its kind, a part may be of any
                    choice["anyOf"] = choice.pop("oneOf")
    return part


def _pointing_to(schema: Any, suffix: str) -> Any:
    """The schema with every reference leading to the definition of that name and the suffix."""
    if isinstance(schema, dict):
        return {
            key: value + suffix if key == "$ref" else _pointing_to(value, suffix)
            for key, value in schema.items()
        }
    if isinstance(schema, list):
        return [_pointing_to(each, suffix) for each in schema]
    return schema
