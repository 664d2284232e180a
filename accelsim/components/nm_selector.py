"""The N:M selector: of each group of M outputs the N of largest magnitude are essential."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from accelsim.components.component import Action, Charge, Component, Latency, LogicPart, delay_of
from accelsim.components.mask_units import SELECTOR_LATENCY, SELECTOR_SCALES, scaled_scores
from accelsim.components.price import Price, Tariff
from accelsim.lengths import WORD_BITS, ceil_div
from accelsim.strict_model import Strict

if TYPE_CHECKING:
    from accelsim.config import Machine
    from accelsim.mapping import Tile


class NmSelector(Strict):
    """Ranks `groups_per_cycle` groups of up to `max_of` outputs a cycle and keeps the largest of each."""

    later_fields: ClassVar[tuple[str, ...]] = ("scales",)

    kind: Literal["nm"] = Field(
        description="Structured noise: of each group of M outputs the N of largest magnitude are essential."
    )
    groups_per_cycle: int = Field(ge=1, le=1 << 16, description="Groups ranked per cycle.")
    latency_cycles: Latency = Field(description=SELECTOR_LATENCY)
    scales: bool = Field(default=False, description=SELECTOR_SCALES)
    max_of: int = Field(
        ge=2, le=1024, description="Largest M that can be ranked; sizes the ranker's area and energy."
    )


def _unit(machine: Machine) -> NmSelector:
    assert machine.selector is not None and machine.selector.kind == "nm"
    return machine.selector


def _members(machine: Machine) -> int:
    """Return the outputs that are ranked in a cycle."""
    return _unit(machine).groups_per_cycle * _unit(machine).max_of


def _pairs(machine: Machine) -> int:
    """Return the pairs of members of a group, which are all compared."""
    return _unit(machine).max_of * (_unit(machine).max_of - 1) // 2


def _ranking_price(machine: Machine, tariff: Tariff) -> Price:
    pair_bits = _pairs(machine) * WORD_BITS
    return pair_bits * tariff.event("ranking_pair_bit") + _unit(machine).max_of * tariff.event("magnitude")


def _select_price(machine: Machine, tariff: Tariff) -> Price:
    return _unit(machine).max_of * tariff.event("result_group")


def rank_groups(tile: Tile, positions: int, machine: Machine) -> tuple[int, dict[str, int]]:
    """Return the cycles in which the groups of a block are ranked, and the counts."""
    cycles = positions * ceil_div(tile.units, _unit(machine).groups_per_cycle)
    counts = {"groups_ranked": positions * tile.units, "selector_busy_cycles": cycles}
    return cycles, counts | scaled_scores(tile, positions)


class NmSelectorUnit(Component):
    """Ranks ``groups_per_cycle`` groups of up to ``max_of`` outputs a cycle by magnitude: it compares all pairs.

    Timing: q * ceil(u_tile / groups_per_cycle) cycles per block; the mask is valid ``latency_cycles`` later, of which 3 can
    be built. All rows of a group lie in one VPU and come out of it at once. The clock is checked at the delay of 8 values.
    """

    name = "nm_selector"
    rtl = ("core.rtl_selector.Selector", "blocks.ranker.Ranker")
    services = (("select", rank_groups),)
    actions = (Action("groups_ranked", 26, "groups", "q * u_tile (N:M)", job="select"),)
    parts = (
        LogicPart(
            "group_rankers",
            "ranking_pair_bit",
            lambda machine: _unit(machine).groups_per_cycle * _pairs(machine) * WORD_BITS,
            "`groups_per_cycle` x M(M-1)/2 x 16",
        ),
        LogicPart("group_magnitudes", "magnitude", _members, "`groups_per_cycle` x M"),
        LogicPart(
            "selector_control",
            "groups_control",
            lambda machine: 1,
            "1: which neurons come next, and whose masks they are",
        ),
        LogicPart(
            "result_select",
            "result_group_word",
            lambda machine: _members(machine) * machine.mvu.vpus,
            "`groups_per_cycle` x M x V: all rows of a group out of one of V VPUs",
        ),
    )
    charges = (
        Charge(
            "group_ranking",
            "compute",
            14,
            {"groups_ranked": _ranking_price},
            "`groups_ranked` x (M(M-1)/2 x 16 x `ranking_pair_bit` + M x `magnitude`), M = `max_of` whatever the group",
        ),
        Charge(
            "result_select",
            "compute",
            15,
            {"groups_ranked": _select_price},
            "words read for selection: `groups_ranked` x M x `result_group` (N:M)",
        ),
    )
    delays = (
        delay_of("group_ranker", "ranking_pair_bit"),
        delay_of("selector_control", "groups_control"),
        delay_of("result_select", "result_group_word"),
    )

    def is_in(self, machine: Machine) -> bool:
        """Return whether the machine has a selector of kind ``nm``."""
        return machine.selector is not None and machine.selector.kind == "nm"
