"""The technology: energy per event, and area, leakage and delay per block, each number with its source."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from accelsim.config.check import Strict, validate
from accelsim.config.source import Source, find_config, read_source
from accelsim.config.sram_table import SramTable, read_sram_table

Text = Annotated[str, Field(min_length=1, max_length=2000)]
Positive = Annotated[float, Field(gt=0, le=1e9)]


class Measurement(Strict):
    """How and when numbers were measured: what they share, said once."""

    method: Text
    tools: Text
    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    library: Text
    library_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class _Measured(Strict):
    """`source` says where a number comes from; `measurement` names an entry of the file's ``measurements``."""

    source: Text
    operands: Text | None = None
    measurement: str | None = Field(default=None, max_length=100)


class Sourced(_Measured):
    """A number (its unit is in the key that holds it) and where it comes from.

    `uniform_value` is the same with uniform random operands; nothing is charged for it.
    """

    value: Positive
    uniform_value: Positive | None = None


class Block(_Measured):
    """A piece of logic: area, leakage at rest, and the shortest clock period it allows (pipelined inside)."""

    area_um2: Positive
    leakage_uw: Positive
    delay_ns: Positive


class Process(Strict):
    """What the figures were measured at."""

    node_nm: int = Field(ge=1, le=1000)
    supply_v: float = Field(gt=0, le=10)
    logic_temperature_c: float = Field(ge=-273, le=1000)
    source: Text


class Events(Strict):
    """Energy per event, pJ; docs/energy.md says which counts each is charged for."""

    multiply_16bit_pj: Sourced
    multiply_4bit_pj: Sourced
    operand_word_pj: Sourced
    tree_addition_pj: Sourced
    psum_addition_pj: Sourced
    projection_addition_pj: Sourced
    sign_generation_pj: Sourced
    quantize_pj: Sourced
    register_write_pj: Sourced
    register_file_write_pj: Sourced
    register_file_read_per_entry_pj: Sourced
    threshold_comparison_pj: Sourced
    ranking_pair_bit_pj: Sourced
    magnitude_pj: Sourced
    index_walk_pj: Sourced
    word_mux2_pj: Sourced
    requantize_pj: Sourced
    ring_write_pj: Sourced
    result_rotate_pj: Sourced
    result_group_pj: Sourced


class Blocks(Strict):
    """Area, leakage and delay of the logic blocks that docs/energy.md builds the machine of."""

    multiplier: Block
    operand_word: Block
    tree_adder: Block
    psum_adder: Block
    projection_adder: Block
    quantizer: Block
    register_word: Block
    register_file_word: Block
    threshold_comparator: Block
    ranking_pair_bit: Block
    magnitude: Block
    index_compactor: Block
    word_mux2: Block
    requantizer: Block
    ring_word: Block
    vpu_masks: Block
    neuron_masks: Block
    threshold_control: Block
    groups_control: Block
    result_rotator_word: Block
    result_group_word: Block


STANDS_IN: dict[str, dict[str, tuple[str, float]]] = {
    "events": {
        "operand_word_pj": ("register_write_pj", 1),
        "ring_write_pj": ("register_write_pj", 1),
        "result_rotate_pj": ("word_mux2_pj", 4),
        "result_group_pj": ("word_mux2_pj", 4),
    },
    "blocks": {
        "operand_word": ("register_word", 2.5),
        "ring_word": ("register_word", 1),
        "vpu_masks": ("register_word", 24),
        "neuron_masks": ("register_word", 384),
        "threshold_control": ("index_compactor", 1),
        "groups_control": ("index_compactor", 1),
        "result_rotator_word": ("word_mux2", 4),
        "result_group_word": ("word_mux2", 1),
    },
}
"""What a file of before a key existed said in its place: another key, times so many registers or multiplexers."""


class SramSection(Strict):
    """The SRAM table (a CSV beside the technology file) and the conditions that all its rows share."""

    table: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.csv$")
    ports: Text
    cell_type: Text
    periph_type: Text
    temperature_k: int = Field(ge=1, le=1000)
    objective: Text
    source: Text


class TechnologyFile(Strict):
    """The YAML of a technology, as written."""

    format: Literal["accelsim-technology/1"]
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    description: str = Field(default="", max_length=4000)
    process: Process
    events: Events
    blocks: Blocks
    sram: SramSection
    measurements: dict[str, Measurement] = Field(default_factory=dict)

    @field_validator("events", "blocks", mode="before")
    @classmethod
    def _older_files(cls, value: object, info: ValidationInfo) -> object:
        """Fill in keys that came later; anything malformed is left to the fields' own checks."""
        if not isinstance(value, dict):
            return value
        said = dict(value)
        for missing, (other, times) in STANDS_IN[info.field_name or ""].items():
            if missing not in said and isinstance(said.get(other), dict):
                said[missing] = _scaled(said[other], times, f"{times:g} x {other}: the file has no {missing}")
        return said

    @field_validator("measurements")
    @classmethod
    def _is_referred_to(cls, value: dict[str, Measurement], info: ValidationInfo) -> dict[str, Measurement]:
        for section in ("events", "blocks"):
            for key, number in info.data.get(section) or ():
                if number.measurement is not None and number.measurement not in value:
                    raise ValueError(
                        f"{section}.{key} refers to {number.measurement!r}, which is not among them"
                    )
        return value


def _scaled(said: dict[str, object], times: float, source: str) -> dict[str, object]:
    """A number or block as written, times a factor (delays stay); what is no number is left to the fields' checks."""
    scaled = {
        key: times * value
        if key in ("value", "uniform_value", "area_um2", "leakage_uw") and isinstance(value, int | float)
        else value
        for key, value in said.items()
    }
    return {**scaled, "source": source}


@dataclass(frozen=True)
class Technology:
    """A technology file and its SRAM table. Equal when their content (`sha256`) is."""

    sha256: str
    name: str = field(compare=False)
    description: str = field(compare=False)
    process: Process = field(compare=False)
    events: Events = field(compare=False)
    blocks: Blocks = field(compare=False)
    sram_conditions: SramSection = field(compare=False)
    sram: SramTable = field(compare=False)
    measurements: Mapping[str, Measurement] = field(compare=False, default_factory=dict)

    def as_file(self) -> dict[str, Any]:
        """What the YAML says, as plain data; the SRAM table beside it is not in it."""
        sections = {
            name: getattr(self, name).model_dump(mode="json") for name in ("process", "events", "blocks")
        }
        return {
            "format": "accelsim-technology/1",
            "name": self.name,
            "description": self.description,
            **sections,
            "sram": self.sram_conditions.model_dump(mode="json"),
            "measurements": {
                name: measurement.model_dump(mode="json") for name, measurement in self.measurements.items()
            },
        }

    def changed(self, data: dict[str, Any]) -> Technology:
        """The technology of ``data`` (as `as_file` gives it) on this one's SRAM table.

        Raises AccelsimError, naming the field, if something in it is not allowed.
        """
        return _technology(validate(TechnologyFile, Source(f"technology {self.name}", data, {})), self.sram)


def load_technology(path_or_name: str | Path = "freepdk45-rtl") -> Technology:
    """A technology from a YAML file, or a shipped one by name.

    Raises AccelsimError, one line with file, line and field, if anything about it or its table is wrong.
    """
    path = find_config(path_or_name, "hwconfigs/technology", "technology")
    file = validate(TechnologyFile, read_source(path, "technology file"))
    conditions = file.sram.model_dump(
        include={"ports", "cell_type", "periph_type", "temperature_k", "objective"}
    )
    table = read_sram_table(
        path.parent / file.sram.table, {column: str(value) for column, value in conditions.items()}
    )
    return _technology(file, table)


def _technology(file: TechnologyFile, table: SramTable) -> Technology:
    content = [file.model_dump(mode="json"), [repr(macro) for macro in table.macros]]
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return Technology(
        sha256=digest,
        name=file.name,
        description=file.description,
        process=file.process,
        events=file.events,
        blocks=file.blocks,
        sram_conditions=file.sram,
        sram=table,
        measurements=file.measurements,
    )
