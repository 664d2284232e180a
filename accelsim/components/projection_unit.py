"""The projection unit: y = P x from the windows of a patch as they pass."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from accelsim.components.component import Action, Charge, Component, Delay, LogicPart, delay_of, event_price
from accelsim.components.input_sram import window_words
from accelsim.components.price import Price, Tariff
from accelsim.forms import Form
from accelsim.lengths import CODE_BITS, ceil_div
from accelsim.strict_model import Strict

if TYPE_CHECKING:
    from accelsim.config import Machine, Technology
    from accelsim.mapping import Tile

SUM_WORDS = 2
"""Words of 16 bits of one sum."""


class Projection(Strict):
    """What makes y: every lane adds one window, signed by P, to its one sum a cycle; form `none` has no lanes.

    form: of the projection that the unit makes, once a patch or once a pixel; `none` rounds x itself, once a pixel.
    quantizers: sums (or words, with form `none`) rounded to INT4 a cycle.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "if": {
                "properties": {"form": {"const": "none", "description": "x itself"}},
                "required": ["form"],
            },
            "then": {"properties": {"lanes": {"type": "null", "description": "Form none has no lanes."}}},
            "else": {
                "properties": {"lanes": {"type": "integer", "description": "The adder trees."}},
                "required": ["lanes"],
            },
        }
    )
    later_fields: ClassVar[tuple[str, ...]] = ("form", "lanes")

    form: Form = Field(
        default="patch",
        description="What y is: x itself in INT4, a projection of each pixel's channels, or one of each whole patch.",
    )
    lanes: int | None = Field(
        default=None,
        ge=1,
        le=1 << 16,
        validate_default=True,
        description="Adder trees with one 32-bit sum each: sums that take a window per cycle; a multiple of quantizers. "
        "Absent with form none.",
    )
    quantizers: int = Field(
        ge=1, le=1 << 16, description="Sums or words rounded to INT4 per cycle; divides lanes."
    )

    @field_validator("lanes")
    @classmethod
    def _as_the_form_needs(cls, value: int | None, info: ValidationInfo) -> int | None:
        form = info.data.get("form")
        if form == "none" and value is not None:
            raise ValueError(
                f"projection.form none goes with no projection.lanes, not {value}; leave lanes out"
            )
        if form in ("pixel", "patch") and value is None:
            raise ValueError(f"missing; projection.form {form} needs projection.lanes")
        return value

    @field_validator("quantizers")
    @classmethod
    def _empty_the_lanes_evenly(cls, value: int, info: ValidationInfo) -> int:
        lanes = info.data.get("lanes")
        if lanes is not None and lanes % value:
            raise ValueError(f"the {lanes} lanes are not a whole multiple of {value} quantizers")
        return value


def _unit(machine: Machine) -> Projection:
    assert machine.projection is not None
    return machine.projection


def _lanes(machine: Machine) -> int:
    """Return the lanes; 0 with form `none`."""
    return _unit(machine).lanes or 0


def _has_lanes(machine: Machine) -> bool:
    return _lanes(machine) > 0


def _lanes_per_quantizer(machine: Machine) -> int:
    """Return the lanes whose sums one quantizer rounds, one after the other; 1 with form `none`."""
    return max(1, _lanes(machine) // _unit(machine).quantizers)


def _signs_price(machine: Machine, tariff: Tariff) -> Price:
    return window_words(machine) / 8 * tariff.event("sign_generation")


def _select_price(machine: Machine, tariff: Tariff) -> Price:
    return SUM_WORDS * math.log2(_lanes_per_quantizer(machine)) * tariff.event("word_mux2")


def _select_ns(machine: Machine, technology: Technology) -> float:
    return math.ceil(math.log2(_lanes_per_quantizer(machine))) * technology.blocks.word_mux2.delay_ns


class ProjectionUnit(Component):
    """Every lane adds one window of a patch, signed by its row of P, to its one sum in a cycle.

    The k sums of a position are made in ceil(k / lanes) groups, one after the other; a group takes the patch's windows once
    and is then rounded to INT4, ``quantizers`` sums a cycle. P takes no memory: its signs are generated again.
    Zeros of P are gated: they take their time, but no energy in the tree.
    """

    name = "projection"
    rtl = (
        "core.rtl_projection_unit.ProjectionUnit",
        "core.word_rounder.WordRounder",
        "blocks.projection_lane.ProjectionLane",
        "blocks.quantizer.Quantizer",
    )
    actions = (
        Action(
            "projection_cycles",
            18,
            "cycles",
            "cycles of positions that project, fetches included: q * project, 0 where it does not project",
            job="fetch",
            where=_has_lanes,
        ),
        Action(
            "projection_additions",
            22,
            "additions",
            "q * nnz where it projects (a zero of P is gated and adds nothing), else 0. In the code pass: below",
            job="fetch",
            where=_has_lanes,
        ),
        Action(
            "projection_accumulations",
            23,
            "additions",
            "q * Fl * k where it projects: a window added to a lane's accumulator; in the code pass: below",
            job="fetch",
            where=_has_lanes,
        ),
        Action(
            "projected_values",
            24,
            "sums",
            "q * k where it projects: sums rounded to INT4. In the code pass: below",
            job="fetch",
        ),
    )
    parts = (
        LogicPart(
            "projection_trees",
            "projection_adder",
            lambda machine: _lanes(machine) * window_words(machine),
            "`lanes` x C",
            where=_has_lanes,
        ),
        LogicPart("projection_sums", "tree_adder", _lanes, "`lanes`", where=_has_lanes),
        LogicPart(
            "projection_registers",
            "register_word",
            lambda machine: SUM_WORDS * _lanes(machine),
            "`lanes` x 2",
            where=_has_lanes,
        ),
        LogicPart("quantizers", "quantizer", lambda machine: _unit(machine).quantizers, "`quantizers`"),
        LogicPart(
            "quantizer_select",
            "word_mux2",
            lambda machine: _unit(machine).quantizers * (SUM_WORDS * (_lanes_per_quantizer(machine) - 1)),
            "`quantizers` x (s - 1) x 2",
            where=_has_lanes,
        ),
    )
    charges = (
        Charge(
            "projection_tree",
            "compute",
            7,
            {"projection_additions": event_price("projection_addition")},
            "`projection_additions` x `projection_addition`",
        ),
        Charge(
            "projection_sum",
            "compute",
            8,
            {"projection_accumulations": event_price("tree_addition")},
            "`projection_accumulations` x `tree_addition` (32 bits)",
        ),
        Charge(
            "projection_signs",
            "compute",
            9,
            {"projection_accumulations": _signs_price},
            "`projection_accumulations` x C/8 x `sign_generation`",
        ),
        Charge(
            "quantize",
            "compute",
            10,
            {"projected_values": event_price("quantize")},
            "`projected_values` x `quantize`",
        ),
        Charge(
            "quantizer_select",
            "compute",
            11,
            {"projected_values": _select_price},
            "`projected_values` x 2 words x log2(s) x mux",
        ),
        Charge(
            "projection_registers",
            "registers",
            12,
            {"projection_accumulations": lambda machine, tariff: SUM_WORDS * tariff.event("register_write")},
            "`projection_accumulations` x 2 words x `register_write`",
        ),
    )
    delays = (
        delay_of("projection_adder", "projection_adder", _has_lanes),
        delay_of("quantizer", "quantizer"),
        Delay("quantizer_select", _select_ns, _has_lanes),
    )

    def is_in(self, machine: Machine) -> bool:
        """Return whether the machine has a section ``projection``."""
        return machine.projection is not None


def project(
    tile: Tile, positions: int, windows: int, machine: Machine
) -> tuple[int, int, int, dict[str, int]]:
    """Return what projecting a block's positions takes, for patches of `windows` windows.

    Returns:
        How often a position's windows are fetched; cycles of its rounding; lines of the patch buffer that its projection
        takes; the counts of the whole block.
    """
    unit = _unit(machine)
    fetches = ceil_div(tile.k, _lanes(machine))  # of the whole patch: once for each group of sums
    rounding = ceil_div(tile.k, unit.quantizers)
    lines = ceil_div(CODE_BITS * tile.k, machine.patch_buffer.width_bits)
    return (
        fetches,
        rounding,
        lines,
        {
            "projection_cycles": positions * (windows * fetches + rounding),
            "projection_additions": positions * tile.nnz,
            "projection_accumulations": positions * windows * tile.k,
            "projected_values": positions * tile.k,
        },
    )
