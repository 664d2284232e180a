"""The technology: energy per event, and area, leakage and delay per block, each number with its source."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from accelsim.config.source import Source, find_config, read_source
from accelsim.config.sram_table import SramTable, read_sram_table
from accelsim.config.validation import validate
from accelsim.strict_model import Strict

Text = Annotated[str, Field(min_length=1, max_length=2000)]
Positive = Annotated[float, Field(gt=0, le=1e9)]


class Measurement(Strict):
    """How and when numbers were measured: what they share, said once."""

    method: Text = Field(description="How the numbers were measured.")
    tools: Text = Field(description="Programs and their versions.")
    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="Day of the measurement, YYYY-MM-DD.")
    library: Text = Field(description="The cell library: name, corner, voltage, temperature.")
    library_sha256: str = Field(
        pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the library's file, in hex."
    )


class _Measured(Strict):
    """`source` says where a number comes from; `measurement` names an entry of the file's ``measurements``."""

    source: Text = Field(description="Where the number is from: a block and operand set, a table, a paper.")
    operands: Text | None = Field(
        default=None, description="What the operands were while energy was measured."
    )
    measurement: str | None = Field(
        default=None, max_length=100, description="An entry of `measurements`: method, tools and library."
    )


class Sourced(_Measured):
    """A number (its unit is in the key that holds it) and where it comes from.

    `uniform_value` is the same with uniform random operands; nothing is charged for it.
    """

    value: Positive = Field(
        description="The number, in the unit that the key's last part names (pJ per event)."
    )
    uniform_value: Positive | None = Field(
        default=None,
        description="The same with uniform random operands, to compare; nothing is charged for it.",
    )


class Block(_Measured):
    """A piece of logic: area, leakage at rest, and the shortest clock period it allows (pipelined inside)."""

    area_um2: Positive = Field(description="Area of the cells, um2.")
    leakage_uw: Positive = Field(description="Power at rest, uW.")
    delay_ns: Positive = Field(description="Shortest clock period that the block allows, ns.")


class Process(Strict):
    """What the figures were measured at."""

    node_nm: int = Field(ge=1, le=1000, description="Feature size, nm.")
    supply_v: float = Field(gt=0, le=10, description="Supply voltage, V.")
    logic_temperature_c: float = Field(
        ge=-273, le=1000, description="Temperature of the logic, degrees Celsius."
    )
    source: Text = Field(description="Whose process: the library or paper.")


class Events(Strict):
    """Energy per event, pJ; docs/energy.md says which counts each is charged for."""

    multiply_16bit_pj: Sourced = Field(description="One 16x16-bit multiplication (16 bricks).")
    multiply_4bit_pj: Sourced = Field(description="One 4x4-bit multiplication (one brick).")
    operand_word_pj: Sourced = Field(
        description="One 16-bit operand word taken into a VPU's operand stage in a step, without its multiplexers."
    )
    tree_addition_pj: Sourced = Field(
        description="One 32-bit addition in a VPU's adder tree; projection sums use it too."
    )
    psum_addition_pj: Sourced = Field(
        description="One accumulation into a psum of 48 bits, without its register file."
    )
    projection_addition_pj: Sourced = Field(description="One addition in the tree of a projection lane.")
    sign_generation_pj: Sourced = Field(
        description="16 bits of the generator that makes the signs of P anew."
    )
    quantize_pj: Sourced = Field(description="One projected sum rounded to INT4.")
    register_write_pj: Sourced = Field(description="One 16-bit word written into a plain register.")
    register_file_write_pj: Sourced = Field(
        description="One 16-bit word written into a register file, whatever its size."
    )
    register_file_read_per_entry_pj: Sourced = Field(
        description="One 16-bit word read from a register file, per entry that the file has."
    )
    threshold_comparison_pj: Sourced = Field(description="One output compared with the threshold.")
    ranking_pair_bit_pj: Sourced = Field(
        description="Ranking a group, per pair of its members and bit of a word."
    )
    magnitude_pj: Sourced = Field(description="The magnitude of one 16-bit word.")
    index_walk_pj: Sourced = Field(
        description="One step of a mask walker, which finds the next essential row."
    )
    word_mux2_pj: Sourced = Field(description="One 16-bit word through one level of two-way multiplexers.")
    requantize_pj: Sourced = Field(description="One psum scaled, rounded and saturated to a 16-bit output.")
    ring_write_pj: Sourced = Field(
        description="One 16-bit word written into an operand ring, and read by the multipliers."
    )
    result_rotate_pj: Sourced = Field(
        description="One word of the result buffer rotated into order (threshold selector)."
    )
    result_group_pj: Sourced = Field(
        description="One word of the result buffer picked into its group (N:M selector)."
    )


class Blocks(Strict):
    """Area, leakage and delay of the logic blocks that docs/energy.md builds the machine of."""

    multiplier: Block = Field(description="A 16x16-bit multiplier that also works as 16 of 4x4 bits.")
    operand_word: Block = Field(description="An operand stage, per 16-bit word of a chunk.")
    tree_adder: Block = Field(description="An adder of a VPU's tree.")
    psum_adder: Block = Field(description="A psum adder of 48 bits.")
    projection_adder: Block = Field(description="An adder of a projection lane's tree, per word of a window.")
    quantizer: Block = Field(description="A quantizer of projected sums to INT4.")
    register_word: Block = Field(description="A register of 16 bits.")
    register_file_word: Block = Field(description="A word of 16 bits of a register file.")
    threshold_comparator: Block = Field(description="A comparator of magnitudes with a threshold.")
    ranking_pair_bit: Block = Field(description="A ranker, per pair of a group's members and bit of a word.")
    magnitude: Block = Field(description="The magnitude of a 16-bit word.")
    index_compactor: Block = Field(description="A mask walker, which finds the next essential row.")
    word_mux2: Block = Field(description="A two-way multiplexer of 16 bits.")
    requantizer: Block = Field(description="A requantizer of psums to 16-bit outputs.")
    ring_word: Block = Field(description="A word of 16 bits of an operand ring.")
    vpu_masks: Block = Field(description="The masks by VPU and row; energy.md says how many.")
    neuron_masks: Block = Field(
        description="The masks by neuron that the output port reads, of 12 positions in flight."
    )
    threshold_control: Block = Field(description="The control of a threshold selector.")
    groups_control: Block = Field(description="The control of an N:M selector.")
    result_rotator_word: Block = Field(
        description="The rotator between result buffer and threshold selector, per VPU."
    )
    result_group_word: Block = Field(
        description="The multiplexers between result buffer and N:M selector, per VPU and member of a group."
    )


class SramSection(Strict):
    """The SRAM table (a CSV beside the technology file) and the conditions that all its rows share."""

    table: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.csv$",
        description="The CSV file, beside the technology file.",
    )
    ports: Text = Field(description="Ports of a macro, such as one for reads and writes.")
    cell_type: Text = Field(description="Transistors of the cells, such as itrs-lstp.")
    periph_type: Text = Field(description="Transistors around the cells.")
    temperature_k: int = Field(ge=1, le=1000, description="Temperature of the memories, K.")
    objective: Text = Field(description="What the generator of the table minimised.")
    source: Text = Field(description="The generator and its version.")


class TechnologyFile(Strict):
    """The YAML of a technology, as written."""

    format: Literal["accelsim-technology/1"] = Field(description="Version of this schema.")
    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="Appears in every result: up to 64 letters, digits, dots, underscores and hyphens.",
    )
    description: str = Field(default="", max_length=4000, description="What is measured and how, in words.")
    process: Process = Field(description="Node, voltage and temperature that the numbers belong to.")
    events: Events = Field(description="Energy per event, pJ.")
    blocks: Blocks = Field(description="Area, leakage and delay of the logic blocks.")
    sram: SramSection = Field(description="The SRAM table and the conditions of its rows.")
    measurements: dict[str, Measurement] = Field(
        default_factory=dict, description="How numbers were measured, by a name that they refer to."
    )

    @field_validator("events", "blocks", mode="before")
    @classmethod
    def _names_all_that_is_missing(cls, value: object, info: ValidationInfo) -> object:
        """Say at once which keys a file lacks, so that one written for an older version is mended in one go."""
        known = (Events if info.field_name == "events" else Blocks).model_fields
        if isinstance(value, dict) and set(value) < set(known):
            missing = ", ".join(key for key in known if key not in value)
            raise ValueError(f"lacks {missing}; every key needs a figure and its source (docs/energy.md)")
        return value

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
