"""The machine, as its YAML says it: frozen and validated. docs/machine.md defines every field; section numbers in the
descriptions, which editors show, are of that document."""

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

from accelsim.config.extends import with_bases
from accelsim.config.source import Source, find_config, parse_source, read_source, resolve_scalar
from accelsim.config.validation import Strict, validate

Kib = Annotated[int, Field(ge=1, le=1 << 20)]
PortBits = Annotated[int, Field(ge=16, le=4096, multiple_of=16)]
Latency = Annotated[int, Field(ge=0, le=1000)]

_FILE, _SHIPPED_IN = "machine file", "hwconfigs"

_SELECTOR_LATENCY = (
    "Cycles from the end of the service to the valid mask. Buildable from 2 (threshold) or 3 (nm) on."
)

_SOURCES: dict[str, Source] = {}
"""By a machine's hash, the file it came from: faults that only a layer or a technology shows can name the line."""


class Mvu(Strict):
    """The Matrix-Vector Unit of one core: `vpus` vector units of `bricks_per_vpu` 4x4 multipliers each.

    hold_weights: a row's weight chunk stays in a register for all positions of the block that need it.
    spare_vpus: ``share`` lets VPUs without rows of their own work on a second set of positions.
    """

    vpus: int = Field(
        ge=1, le=4096, description="Vector units of a core (V); each owns rows of a layer's tile."
    )
    bricks_per_vpu: int = Field(
        ge=16,
        le=4096,
        multiple_of=16,
        description="4x4-bit multipliers of a VPU (B), a multiple of 16: 16 make one 16x16-bit multiplier (L = B/16).",
    )
    pipeline_depth_cycles: Latency = Field(
        description="Cycles from a job's last issue to its results (D). Buildable from the depth of section 12 on."
    )
    accumulate_latency_cycles: int = Field(
        ge=1,
        le=1000,
        description="Least distance in cycles of two accumulations into one psum (R); bubbles fill what is missing.",
    )
    accumulators_per_vpu: int = Field(
        ge=1, le=4096, description="Partial sums (psums, 48 bits each) that a VPU keeps (A)."
    )
    position_block: int = Field(
        ge=1,
        le=4096,
        description="Output positions worked on together (T), at most accumulators_per_vpu.",
    )
    hold_weights: bool = Field(
        description="true: a weight chunk is read once per row and chunk and held for all positions of the block."
    )
    spare_vpus: Literal["idle", "share"] = Field(
        description="VPUs without rows of a tile: idle, or share (take part of the positions of others; section 2)."
    )

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

    kib: Kib = Field(description="Capacity in KiB, per core.")
    macro_kib: Kib = Field(
        description="Size in KiB of the physical macros it is built of, at most kib; decides energy, area and clock only."
    )
    width_bits: PortBits = Field(description="Bits of one access, a multiple of 16.")

    @field_validator("macro_kib")
    @classmethod
    def _fits(cls, value: int, info: ValidationInfo) -> int:
        kib = info.data.get("kib", value)
        if value > kib:
            raise ValueError(f"a macro of {value} KiB is larger than the memory of {kib} KiB")
        return value


class BankedSram(Sram):
    """An SRAM with `banks` ports of `width_bits` that work side by side."""

    banks: int = Field(ge=1, le=1024, description="Ports of width_bits each: accesses per cycle.")


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

    lanes: int = Field(
        ge=1,
        le=1 << 16,
        description="Adder trees with one 32-bit sum each: sums that take a window per cycle; a multiple of quantizers.",
    )
    quantizers: int = Field(ge=1, le=1 << 16, description="Sums rounded to INT4 per cycle; divides lanes.")

    @field_validator("quantizers")
    @classmethod
    def _empty_the_lanes_evenly(cls, value: int, info: ValidationInfo) -> int:
        lanes = info.data.get("lanes", value)
        if lanes % value:
            raise ValueError(f"the {lanes} lanes are not a whole multiple of {value} quantizers")
        return value


class ThresholdSelector(Strict):
    """Compares `comparators` outputs a cycle with a threshold; any subset may be essential."""

    kind: Literal["threshold"] = Field(
        description="Unstructured noise: an output is essential if its magnitude reaches the layer's threshold."
    )
    comparators: int = Field(ge=1, le=1 << 16, description="Outputs compared per cycle.")
    latency_cycles: Latency = Field(description=_SELECTOR_LATENCY)


class NmSelector(Strict):
    """Ranks `groups_per_cycle` groups of up to `max_of` outputs a cycle and keeps the largest of each."""

    kind: Literal["nm"] = Field(
        description="Structured noise: of each group of M outputs the N of largest magnitude are essential."
    )
    groups_per_cycle: int = Field(ge=1, le=1 << 16, description="Groups ranked per cycle.")
    latency_cycles: Latency = Field(description=_SELECTOR_LATENCY)
    max_of: int = Field(
        ge=2, le=1024, description="Largest M that can be ranked; sizes the ranker's area and energy."
    )


Selector = Annotated[ThresholdSelector | NmSelector, Field(discriminator="kind")]


class Sequencer(Strict):
    """`lookahead` blocks may be in flight besides the oldest; `mvu_order` picks among waiting MVU jobs."""

    lookahead: int = Field(
        ge=0,
        le=1024,
        description="Blocks in flight besides the oldest; patch and result buffer hold lookahead + 1 slots (S).",
    )
    mvu_order: Literal["approximate_first", "precise_first"] = Field(
        description="Which waiting job the MVU takes first when both kinds wait (section 5)."
    )


class Spiking(Strict):
    """What layers of spiking neurons need: membrane updates at the output port, and spikes as operands.

    skip_silent_chunks: positions without a spike in a chunk take no step in it, chunks without any no cycle.
    noise_generators: a normal random number for every neuron that is updated.
    """

    skip_silent_chunks: bool = Field(
        description="true: event driven; what has no spike takes no step, cycle or weight read (section 13)."
    )
    noise_generators: bool = Field(
        description="true: a normal random number for each update of neurons with learned noise (NIT)."
    )


class Dram(Strict):
    """Off-chip memory that weights are loaded from, energy in pJ per bit; `source` says whose figure."""

    bytes_per_cycle: int = Field(
        ge=1, le=1 << 20, description="Bytes that arrive per cycle, for all cores together."
    )
    latency_cycles: int = Field(ge=0, le=1_000_000, description="Cycles from a request to its first byte.")
    pj_per_bit: float = Field(ge=0, le=10_000, description="Energy per bit read, pJ; changes no cycle.")
    source: str = Field(min_length=1, max_length=2000, description="Where the energy figure is from.")


class Machine(Strict):
    """A whole accelerator. Sizes are per core; sections absent on a dense-only machine are None."""

    format: Literal["accelsim-machine/1"] = Field(description="Version of this schema.")
    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="Appears in every result: up to 64 letters, digits, dots, underscores and hyphens.",
    )
    description: str = Field(default="", max_length=2000, description="What the machine is for, in words.")
    clock_mhz: int = Field(
        ge=1,
        le=10_000,
        description="Clock in MHz; every block and SRAM macro of the technology must cycle that fast.",
    )
    cores: int = Field(ge=1, le=1024, description="Cores (C); each has all of the units below.")
    split: Literal["contiguous", "interleaved"] = Field(
        description="How blocks of positions are dealt to cores: runs of neighbours, or in turn (section 3)."
    )
    mvu: Mvu = Field(description="The Matrix-Vector Unit: the multipliers.")
    weight_sram: Sram = Field(
        description="Weights of a core, divided equally among the VPUs; width_bits is the port of one slice (Ww)."
    )
    input_sram: BankedSram = Field(description="The input map of a core; width_bits is Wi, of each bank.")
    patch_buffer: Sram = Field(
        description="Patches x and their projections y of the blocks in flight; width_bits (Wp) is a multiple of a window, "
        "input_sram's banks x width_bits."
    )
    result_buffer: ResultBuffer = Field(
        description="Outputs of the blocks in flight, divided equally among the VPUs; width_bits must be 16."
    )
    output_sram: BankedSram = Field(description="The output map of a core; width_bits is Wo, of each bank.")
    projection: Projection | None = Field(
        default=None,
        description="Makes y = P x from patches x; absent, with selector, on a dense-only machine.",
    )
    selector: Selector | None = Field(
        default=None,
        validate_default=True,
        description="Chooses the essential neurons: kind threshold or nm; absent, with projection, on a dense-only machine.",
    )
    sequencer: Sequencer = Field(description="How many blocks are in flight, and which job goes first.")
    dram: Dram | None = Field(
        default=None,
        description="Memory off the chip that weights are loaded from; null: they are on the chip.",
    )
    spiking: Spiking | None = Field(
        default=None,
        description="What layers of spiking neurons need; null: the machine runs none (section 13).",
    )

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
