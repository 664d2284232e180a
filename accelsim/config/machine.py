"""The machine, as its YAML says it: frozen and validated. Every field is defined in docs/machine.md."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
)

from accelsim.config.check import Strict, validate
from accelsim.config.extends import with_bases
from accelsim.config.source import Source, find_config, parse_source, read_source, resolve_scalar

Kib = Annotated[int, Field(ge=1, le=1 << 20)]
PortBits = Annotated[int, Field(ge=16, le=4096, multiple_of=16)]
Latency = Annotated[int, Field(ge=0, le=1000)]

_FILE, _SHIPPED_IN = "machine file", "hwconfigs"

_SOURCES: dict[str, Source] = {}
"""By a machine's hash, the file it came from: faults that only a layer or a technology shows can name the line."""


class Mvu(Strict):
    """The Matrix-Vector Unit of one core: `vpus` vector units of `bricks_per_vpu` 4x4 multipliers each.

    hold_weights: a row's weight chunk stays in a register for all positions of the block that need it.
    spare_vpus: ``share`` lets VPUs without rows of their own work on a second set of positions.
    """

    vpus: int = Field(ge=1, le=4096)
    bricks_per_vpu: int = Field(ge=16, le=4096, multiple_of=16)
    pipeline_depth_cycles: Latency
    accumulate_latency_cycles: int = Field(ge=1, le=1000)
    accumulators_per_vpu: int = Field(ge=1, le=4096)
    position_block: int = Field(ge=1, le=4096)
    hold_weights: bool
    spare_vpus: Literal["idle", "share"]

    @field_validator("position_block")
    @classmethod
    def _has_psums(cls, value: int, info: ValidationInfo) -> int:
        accumulators = info.data.get("accumulators_per_vpu", value)
        if value > accumulators:
            raise ValueError(f"{value} positions need as many psums; accumulators_per_vpu is {accumulators}")
        return value

    @property
    def lanes(self) -> int:
        """16-bit multipliers of a VPU: 16 bricks make one."""
        return self.bricks_per_vpu // 16


class Sram(Strict):
    """An on-chip memory: `kib` in macros of `macro_kib`, read and written `width_bits` at a time."""

    kib: Kib
    macro_kib: Kib
    width_bits: PortBits

    @field_validator("macro_kib")
    @classmethod
    def _fits(cls, value: int, info: ValidationInfo) -> int:
        kib = info.data.get("kib", value)
        if value > kib:
            raise ValueError(f"a macro of {value} KiB is larger than the memory of {kib} KiB")
        return value


class BankedSram(Sram):
    """An SRAM with `banks` ports of `width_bits` that work side by side."""

    banks: int = Field(ge=1, le=1024)


class ResultBuffer(Sram):
    """Outputs of the blocks in flight, one bank for each VPU; its columns are single words."""

    @field_validator("width_bits")
    @classmethod
    def _is_one_word(cls, value: int) -> int:
        if value != 16:
            raise ValueError(
                f"{value} bits; the result buffer is read and written one word of 16 bits at a time"
            )
        return value


class Projection(Strict):
    """The projection unit: every lane adds one window of a patch, signed by P, to its one sum a cycle.

    quantizers: sums rounded to INT4 a cycle.
    """

    lanes: int = Field(ge=1, le=1 << 16)
    quantizers: int = Field(ge=1, le=1 << 16)

    @field_validator("quantizers")
    @classmethod
    def _empty_the_lanes_evenly(cls, value: int, info: ValidationInfo) -> int:
        lanes = info.data.get("lanes", value)
        if lanes % value:
            raise ValueError(f"the {lanes} lanes are not a whole multiple of {value} quantizers")
        return value


class ThresholdSelector(Strict):
    """Compares `comparators` outputs a cycle with a threshold; any subset may be essential."""

    kind: Literal["threshold"]
    comparators: int = Field(ge=1, le=1 << 16)
    latency_cycles: Latency


class NmSelector(Strict):
    """Ranks `groups_per_cycle` groups of up to `max_of` outputs a cycle and keeps the largest of each."""

    kind: Literal["nm"]
    groups_per_cycle: int = Field(ge=1, le=1 << 16)
    latency_cycles: Latency
    max_of: int = Field(ge=2, le=1024)


Selector = Annotated[ThresholdSelector | NmSelector, Field(discriminator="kind")]


class Sequencer(Strict):
    """`lookahead` blocks may be in flight besides the oldest; `mvu_order` picks among waiting MVU jobs."""

    lookahead: int = Field(ge=0, le=1024)
    mvu_order: Literal["approximate_first", "precise_first"]


class Spiking(Strict):
    """What layers of spiking neurons need: membrane updates at the output port, and spikes as operands.

    skip_silent_chunks: positions without a spike in a chunk take no step in it, chunks without any no cycle.
    noise_generators: a normal random number for every neuron that is updated.
    """

    skip_silent_chunks: bool
    noise_generators: bool


class Dram(Strict):
    """Off-chip memory that weights are loaded from, energy in pJ per bit; `source` says whose figure."""

    bytes_per_cycle: int = Field(ge=1, le=1 << 20)
    latency_cycles: int = Field(ge=0, le=1_000_000)
    pj_per_bit: float = Field(ge=0, le=10_000)
    source: str = Field(min_length=1, max_length=2000)


class Machine(Strict):
    """A whole accelerator. Sizes are per core; sections absent on a dense-only machine are None."""

    format: Literal["accelsim-machine/1"]
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    description: str = Field(default="", max_length=2000)
    clock_mhz: int = Field(ge=1, le=10_000)
    cores: int = Field(ge=1, le=1024)
    split: Literal["contiguous", "interleaved"]
    mvu: Mvu
    weight_sram: Sram
    input_sram: BankedSram
    patch_buffer: Sram
    result_buffer: ResultBuffer
    output_sram: BankedSram
    projection: Projection | None = None
    selector: Selector | None = Field(default=None, validate_default=True)
    sequencer: Sequencer
    dram: Dram | None = None
    spiking: Spiking | None = None

    @model_serializer(mode="wrap")
    def _without_absent_spiking(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # The section came later: a machine without it keeps the digest that results already cite.
        data: dict[str, Any] = handler(self)
        if data.get("spiking") is None:
            data.pop("spiking", None)
        return data

    @field_validator("patch_buffer")
    @classmethod
    def _takes_a_fetch_in_one_line(cls, value: Sram, info: ValidationInfo) -> Sram:
        fetch: BankedSram | None = info.data.get("input_sram")
        if fetch is not None and value.width_bits % (fetch.banks * fetch.width_bits):
            raise ValueError(
                f"width_bits {value.width_bits} is not a whole multiple of the {fetch.banks * fetch.width_bits} "
                "bits that input_sram brings in a cycle (banks x width_bits)"
            )
        return value

    @field_validator("selector")
    @classmethod
    def _both_or_none(cls, value: Selector | None, info: ValidationInfo) -> Selector | None:
        if "projection" in info.data and (value is None) != (info.data["projection"] is None):
            there, gone = ("projection", "selector") if value is None else ("selector", "projection")
            raise ValueError(f"the machine has a {there} but no {gone}; give both, or neither (dense only)")
        return value

    @property
    def dense_only(self) -> bool:
        """True if the machine cannot approximate: it runs dense layers only."""
        return self.selector is None

    def where(self, field: str) -> str:
        """``FILE:LINE: field a.b`` if a file gave this machine, else ``machine NAME: field a.b``; for messages."""
        source = _SOURCES.get(self.sha256)
        place = source.where(tuple(field.split("."))) if source is not None else f"machine {self.name}"
        return f"{place}: field {field}"

    @property
    def sha256(self) -> str:
        """Hex digest of the resolved content as sorted JSON, whatever the file's comments and order."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def resized(self, *, vpus: int) -> Self:
        """The same machine with another number of VPUs. Raises AccelsimError if that is not allowed."""
        data = self.model_dump(mode="json")
        data["mvu"]["vpus"] = vpus
        machine = validate(type(self), Source(f"machine {self.name}", data, {}))
        if self.sha256 in _SOURCES:
            _SOURCES[machine.sha256] = _SOURCES[self.sha256]
        return machine

    def to_yaml(self) -> str:
        """YAML that loads as an equal machine."""
        return yaml.dump(self.model_dump(mode="json"), Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def load_machine(path_or_name: str | Path) -> Machine:
    """A machine from a YAML file, or a shipped one by name: ``load_machine("structured")``.

    Raises AccelsimError, one line with file, line and field, if anything about it is wrong.
    """
    path = find_config(path_or_name, _SHIPPED_IN, "machine")
    source = with_bases(read_source(path, _FILE), path, _SHIPPED_IN, _FILE)
    machine = validate(Machine, source)
    _SOURCES[machine.sha256] = source
    return machine


def machine_from_yaml(text: str, label: str = "machine") -> Machine:
    """As `load_machine`, from YAML text; `label` stands for the file in messages."""
    return validate(Machine, with_bases(parse_source(text, label, _FILE), None, _SHIPPED_IN, _FILE))


class _Dumper(yaml.SafeDumper):
    """Quotes texts that our reader would not take for the same text: ``1e3``, or a control character."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = text.isprintable() and isinstance(resolve_scalar(text), str)
    style = None if plain else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
