"""JSON Schema of sweep files. Field names and expressions are looked at only when the file is read."""

from __future__ import annotations

from accelsim.config.json_schema import Schema, schema_of, titled
from accelsim.sweep.sweep_file import SweepFile

_NUMBER = {"type": "number"}


def sweep_schema() -> Schema:
    """Of a sweep file; every axis is a list or a range."""
    schema = schema_of(SweepFile)
    schema["$defs"] = {"Values": {"anyOf": [{"type": "array", "minItems": 1}, *map(_range, _STEPS)]}}
    values = {"$ref": "#/$defs/Values"}
    schema["properties"]["axes"]["additionalProperties"] = values
    schema["properties"]["zip"]["items"] = {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": values,
    }
    said = "docs/sweeps.md defines every key, ranges and expressions."
    return titled(schema, "accelsim sweep", said)


_STEPS: dict[str, Schema] = {
    "step": _NUMBER | {"exclusiveMinimum": 0, "description": "Added from one value to the next."},
    "factor": _NUMBER | {"exclusiveMinimum": 1, "description": "Multiplied from one value to the next."},
    "count": {"type": "integer", "minimum": 2, "description": "So many values, in equal ratios."},
}


def _range(how: str) -> Schema:
    return {
        "type": "object",
        "properties": {
            "from": _NUMBER | {"description": "The first value."},
            "to": _NUMBER | {"description": "The last value, if it is reached."},
            how: _STEPS[how],
        },
        "required": ["from", "to", how],
        "additionalProperties": False,
    }
