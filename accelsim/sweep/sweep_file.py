"""The sweep file, as its YAML says it: frozen and validated, fields and expressions not yet looked at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from accelsim.config.extends import file_named
from accelsim.config.source import KeyPath, Source, dotted, find_config, read_source
from accelsim.config.validation import validate
from accelsim.errors import AccelsimError
from accelsim.strict_model import Strict

Name = Annotated[str, Field(min_length=1, max_length=1000)]
Text = Annotated[str, Field(min_length=1, max_length=2000)]


class SweepFile(Strict):
    """A sweep: the product of all its lists and axes, less what ``where`` leaves out. docs/sweeps.md defines the fields.

    axes, zip: field to values; those of one ``zip`` group go in step. set: field to expression. where: expressions.
    """

    format: Literal["accelsim-sweep/1"] = Field(description="Version of this schema.")
    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="The name under which the database knows the sweep; another file of that name takes its place.",
    )
    description: str = Field(default="", max_length=4000, description="What the sweep is for, in words.")
    machines: list[Name] = Field(
        min_length=1,
        max_length=1000,
        description="Machines: bundled names, or files from this file's folder.",
    )
    technologies: list[Name] = Field(
        default=["freepdk45-rtl"], min_length=1, max_length=1000, description="Technologies, likewise."
    )
    traces: list[Name] = Field(
        min_length=1,
        max_length=1000,
        description="Traces: bundled names, or .h5 files from this file's folder.",
    )
    schemes: list[Name] | None = Field(
        default=None,
        min_length=1,
        max_length=1000,
        description="Schemes as the traces name them, by default all. One that a machine's selector is not made for is "
        "left out there.",
    )
    images: list[int | str] = Field(
        default=[":"],
        min_length=1,
        max_length=1000,
        description='Ranges of images such as "0:8", by default ":", all. A point is one range: its costs are means.',
    )
    axes: dict[str, Any] = Field(
        default={},
        max_length=100,
        description="Field to values: a list, or {from, to} and one of step, factor, count. A field is a dotted path of the "
        "machine (mvu.vpus), of the technology (technology.events.multiply_4bit_pj.value), or let.NAME.",
    )
    zip: list[dict[str, Any]] = Field(
        default=[],
        max_length=100,
        description="Groups of axes whose fields change together; those of a group need equally many values.",
    )
    set: dict[str, Text | int | float | bool] = Field(
        default={},
        max_length=100,
        description="Field to a value or an expression, evaluated in the order of the file, for every point.",
    )
    where: list[Text] = Field(
        default=[],
        max_length=100,
        description="Expressions that must all be true, else there is no such point.",
    )


@dataclass(frozen=True)
class Spec:
    """A sweep file and where it came from; names in it are looked up beside it."""

    file: SweepFile
    source: Source
    path: Path

    @property
    def text(self) -> str:
        """The file's text, as it was read: what is recorded is what ran, whatever became of the file meanwhile."""
        return self.source.text

    def named(self, name: str, shipped_in: str, suffix: str = ".yaml") -> Path:
        """What a name in the file means: a bundled file, or a path from the sweep file's folder."""
        return file_named(name, self.path.parent, shipped_in, suffix)


def load_sweep(path_or_name: str | Path) -> Spec:
    """A sweep from a YAML file, or a shipped one by name.

    Raises AccelsimError, one line with file, line and field, if something in it is not allowed.
    """
    path = find_config(path_or_name, "hwconfigs/sweeps", "sweep")
    source = read_source(path, "sweep file")
    _check_finite(source.data, (), source)
    return Spec(validate(SweepFile, source), source, path)


def _check_finite(data: object, path: KeyPath, source: Source) -> None:
    """Raise AccelsimError if a number anywhere in the file is NaN or infinite: no field takes one, and no point is one."""
    if isinstance(data, float) and not math.isfinite(data):
        raise AccelsimError(
            f"{source.where(path)}: field {dotted(path)}: must be a finite number, not {data}"
        )
    parts = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in parts:
        _check_finite(value, (*path, key), source)
