"""JSON Schema of the YAML files, for editors: made from the classes that read them, so that the two cannot differ.

A schema knows each field by itself. What ties fields together (a port that must be a whole multiple of another) and what
only a layer shows is checked when a file is read.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from pydantic import BaseModel

from accelsim.config.extends import KEY as EXTENDS
from accelsim.config.machine import Machine
from accelsim.config.technology import TechnologyFile

Schema = dict[str, Any]

DIALECT = "http://json-schema.org/draft-07/schema#"
"""The one that all editors know."""


def machine_schema() -> Schema:
    """Of a machine file: a whole one, or what one says that ``extends`` another."""
    whole = schema_of(Machine)
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
        "description": "docs/machine.md defines every field (section 10), timing rule and count.",
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
    """Return the schema of a technology file."""
    return titled(
        schema_of(TechnologyFile),
        "accelsim technology",
        "docs/energy.md says what every number is charged for.",
    )


def titled(schema: Schema, title: str, description: str) -> Schema:
    """The schema as a document of its own, under a title and description for people."""
    rest = {key: value for key, value in schema.items() if key not in ("title", "description")}
    return {"$schema": DIALECT, "title": title, "description": description, **rest}


def schema_of(model: type[BaseModel]) -> Schema:
    """Pydantic's schema, less titles that only repeat a key and what is not JSON Schema."""
    schema: Schema = model.model_json_schema(ref_template="#/$defs/{model}")
    for section in (schema, *schema.get("$defs", {}).values()):
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
        for tie in ("required", "if", "then", "else"):
            section.pop(tie, None)
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
