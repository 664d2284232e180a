"""The base of every object that is read from a YAML file."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer


class Strict(BaseModel):
    """Base of every configuration object: frozen, no unknown keys, no conversions, no NaN or infinity."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )

    later_fields: ClassVar[tuple[str, ...]] = ()
    """Fields that came after results cited digests: written only where they differ from their default."""

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        for name in self.later_fields:
            if name in data and getattr(self, name) == type(self).model_fields[name].default:
                del data[name]
        return data
