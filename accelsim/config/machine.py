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
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
)

from accelsim.components.activation_stage import Activation
from accelsim.components.dram import Dram
from accelsim.components.mvu import Mvu
from accelsim.components.nm_selector import NmSelector
from accelsim.components.projection_unit import Projection
from accelsim.components.result_buffer import ResultBuffer
from accelsim.components.sequencer import Sequencer
from accelsim.components.spiking_neurons import Spiking
from accelsim.components.sram import BankedSram, Sram
from accelsim.components.threshold_selector import ThresholdSelector
from accelsim.config.extends import with_bases
from accelsim.config.source import Source, find_config, parse_source, read_source, resolve_scalar
from accelsim.config.validation import validate
from accelsim.forms import Form
from accelsim.lengths import CODE_BITS
from accelsim.strict_model import Strict

_FILE, _SHIPPED_IN = "machine file", "hwconfigs"

_ALWAYS_WRITTEN = ("projection", "selector", "dram")
"""Optional sections that are written as null where absent; digests that results cite contain them."""


Selector = Annotated[ThresholdSelector | NmSelector, Field(discriminator="kind")]


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
        description="Makes y, the INT4 operands of the approximation; absent on a dense-only machine.",
    )
    code_sram: BankedSram | None = Field(
        default=None,
        validate_default=True,
        description="The input map as INT4 codes, for projections of form none or pixel; width_bits is Wy, of each bank.",
    )
    selector: Selector | None = Field(
        default=None,
        validate_default=True,
        description="Chooses the essential neurons: kind threshold or nm; a machine without one runs dense and 100 % noise.",
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
    activation: Activation | None = Field(
        default=None,
        description="A function of every word that is written to the output SRAM; null: none (section 14).",
    )

    _source: Source | None = PrivateAttr(default=None)
    """The file it came from: faults that only a layer or a technology shows can name the line. No part of its content."""

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Instead of the base's rule. Sections that came later: a machine without one keeps the digest that results cite.
        data: dict[str, Any] = handler(self)
        return {key: value for key, value in data.items() if value is not None or key in _ALWAYS_WRITTEN}

    def __eq__(self, other: object) -> bool:
        # Pydantic would compare the source too; its hash, by the fields alone, is kept.
        return isinstance(other, Machine) and self.__dict__ == other.__dict__

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

    @field_validator("code_sram")
    @classmethod
    def _holds_codes_of_pixels(cls, value: BankedSram | None, info: ValidationInfo) -> BankedSram | None:
        if "projection" not in info.data:  # the projection itself is wrong
            return value
        projection: Projection | None = info.data["projection"]
        if value is None or projection is None or projection.form == "patch":
            if value is not None:
                raise ValueError("only a projection of form none or pixel has a code SRAM; leave it out")
            if projection is not None and projection.form != "patch":
                raise ValueError(f"missing; a projection of form {projection.form} keeps its codes there")
            return None
        window = value.banks * value.width_bits
        line: Sram | None = info.data.get("patch_buffer")
        if line is not None and line.width_bits % window:
            raise ValueError(
                f"patch_buffer.width_bits {line.width_bits} is not a whole multiple of the {window} bits that "
                "code_sram brings in a cycle (banks x width_bits)"
            )
        if projection.quantizers * CODE_BITS > window:
            raise ValueError(
                f"the {window} bits that code_sram takes in a cycle are less than the codes of "
                f"{projection.quantizers} projection.quantizers"
            )
        return value

    @field_validator("selector")
    @classmethod
    def _needs_a_projection(cls, value: Selector | None, info: ValidationInfo) -> Selector | None:
        if value is not None and "projection" in info.data and info.data["projection"] is None:
            raise ValueError(
                "the machine has a selector but no projection; give both, or neither (dense only)"
            )
        return value

    @property
    def dense_only(self) -> bool:
        """True if the machine cannot approximate: it runs dense layers only."""
        return self.projection is None

    @property
    def form(self) -> Form | None:
        """Form of the projection that the machine makes; None if it cannot approximate."""
        return None if self.projection is None else self.projection.form

    def where(self, field: str) -> str:
        """``FILE:LINE: field a.b`` if a file gave this machine, else ``machine NAME: field a.b``; for messages."""
        place = f"machine {self.name}"
        if self._source is not None:
            place = self._source.where(tuple(field.split(".")))
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
        machine._source = self._source
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
    machine._source = source
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
