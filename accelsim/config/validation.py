"""Plain data into a pydantic model, or one line that says where and what is wrong."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from accelsim.config.source import KeyPath, Source, dotted
from accelsim.errors import AccelsimError, suggestion
from accelsim.strict_model import Strict

Model = TypeVar("Model", bound=Strict)

_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a text",
    "model_type": "a section of keys",
    "model_attributes_type": "a section of keys",
    "dict_type": "a section of keys",
    "list_type": "a list",
    "tuple_type": "a list",
}


def validate(model: type[Model], source: Source) -> Model:
    """The model filled from `source.data`. Raises AccelsimError: ``FILE:LINE: field a.b: what is wrong``."""
    try:
        return model.model_validate(source.data)
    except ValidationError as error:
        found = error.errors(include_url=False)
    # A misspelt key shows up twice, as unknown and as missing; the unknown one is what to tell.
    order = {"extra_forbidden": 0, "missing": 2}
    first = min(found, key=lambda e: order.get(e["type"], 1))
    path = _path_in_file(first["loc"], source.data)
    value = _at(source.data, path)
    if first["type"] == "extra_forbidden":
        allowed = _sibling_keys(model, first["loc"][:-1])
        if len(path) == 1:
            allowed += source.reader_keys
        said = f"unknown key `{dotted(path[-1:])}`; {suggestion(str(path[-1]), allowed)}"
    else:
        said = _explain(str(first["type"]), first.get("ctx", {}), first["msg"], value)
    raise AccelsimError(f"{source.where(path)}: field {dotted(path)}: {said}")


def shown(value: object) -> str:
    """A value as given, short enough for one line."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a section"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:36]}..."


def _explain(kind: str, context: dict[str, Any], message: str, value: object) -> str:
    if kind == "missing":
        return "missing"
    if kind in _WANTED:
        return f"must be {_WANTED[kind]}, not {shown(value)}"
    if kind in ("greater_than_equal", "less_than_equal", "greater_than", "less_than", "multiple_of"):
        words = {
            "greater_than_equal": ("ge", "below the least allowed"),
            "less_than_equal": ("le", "above the most allowed"),
            "greater_than": ("gt", "not greater than"),
            "less_than": ("lt", "not less than"),
            "multiple_of": ("multiple_of", "not a multiple of"),
        }
        key, text = words[kind]
        return f"{shown(value)} is {text}{',' if 'allowed' in text else ''} {context[key]}"
    if kind == "literal_error":
        return f"{shown(value)} is not allowed; allowed: {context['expected']}"
    if kind == "union_tag_not_found":
        return "missing key `kind`"
    if kind == "union_tag_invalid":
        return f"kind {shown(context['tag'])} is not allowed; allowed: {context['expected_tags']}"
    if kind == "value_error":
        return str(context["error"])
    return f"{message} (given {shown(value)})"


def _path_in_file(loc: tuple[int | str, ...], data: object) -> KeyPath:
    """Pydantic puts a union's tag into the path (selector.threshold.latency_cycles); the file has none."""
    path: list[int | str] = []
    for i, part in enumerate(loc):
        last = i == len(loc) - 1
        if isinstance(data, dict) and part not in data and not last and data.get("kind") == part:
            continue
        path.append(part)
        data = _at(data, (part,))
    return tuple(path)


def _at(data: object, path: KeyPath) -> object:
    for part in path:
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data


def _sibling_keys(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Keys that the (sub-)model at `loc` knows."""
    schema: dict[str, Any] = model.model_json_schema()
    definitions = schema.get("$defs", {})
    here = schema
    for part in loc:
        here = _resolved(here, definitions)
        options = here.get("properties", {})
        if part in options:
            here = options[str(part)]
        elif isinstance(here.get("additionalProperties"), dict):
            here = here["additionalProperties"]
        elif part in here.get("discriminator", {}).get("mapping", {}):
            here = {"$ref": here["discriminator"]["mapping"][part]}
    return list(_resolved(here, definitions).get("properties", {}))


def _resolved(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Follow a $ref, and step from ``X or null`` to X."""
    while True:
        if "$ref" in schema:
            schema = definitions[schema["$ref"].rsplit("/", 1)[1]]
        elif "anyOf" in schema:
            schema = next(option for option in schema["anyOf"] if option.get("type") != "null")
        else:
            return schema
