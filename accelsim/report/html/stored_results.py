"""What the page takes from ``results.json``, checked before anything relies on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from accelsim.errors import AccelsimError


class _Part(BaseModel):
    # Other keys are shown as they are; another version of accelsim may have written more of them.
    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class _Mvu(_Part):
    vpus: int
    bricks_per_vpu: int


class _Config(_Part):
    description: str | None = None
    clock_mhz: float
    cores: int
    mvu: _Mvu


class _Machine(_Part):
    sha256: str
    config: _Config


class _Technology(_Part):
    name: str
    sha256: str


class _Provenance(_Part):
    accelsim_version: str
    technology: _Technology
    machines: dict[str, _Machine]
    traces: dict[str, dict[str, Any]]
    given_vpus: dict[str, int] = {}
    left_out: list[str] = []
    uncertainty: dict[str, Any] = {}


class _Stored(_Part):
    summary: list[dict[str, str | int | float]]
    provenance: _Provenance


def check_stored(path: Path, content: Any) -> None:
    """Raise AccelsimError unless the content of a ``results.json`` has what the page needs."""
    try:
        _Stored.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or "it"
        raise AccelsimError(
            f"{path}: {field}: {first['msg']}; not what `accelsim run` writes, or of another version: run it again"
        ) from None
