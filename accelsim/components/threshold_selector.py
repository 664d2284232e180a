"""The threshold selector: any subset of the outputs may be essential."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from accelsim.components.component import (
    Action,
    Charge,
    Component,
    Latency,
    LogicPart,
    delay_of,
    event_price,
)
from accelsim.components.mask_units import SELECTOR_LATENCY, SELECTOR_SCALES, scaled_scores
from accelsim.lengths import ceil_div
from accelsim.strict_model import Strict

if TYPE_CHECKING:
    from accelsim.config import Machine
    from accelsim.mapping import Tile


class ThresholdSelector(Strict):
    """Compares `comparators` outputs a cycle with a threshold; any subset may be essential."""

    later_fields: ClassVar[tuple[str, ...]] = ("scales",)

    kind: Literal["threshold"] = Field(
        description="Unstructured noise: an output is essential if its magnitude reaches the layer's threshold."
    )
    comparators: int = Field(ge=1, le=1 << 16, description="Outputs compared per cycle.")
    latency_cycles: Latency = Field(description=SELECTOR_LATENCY)
    scales: bool = Field(default=False, description=SELECTOR_SCALES)


def _comparators(machine: Machine) -> int:
    assert machine.selector is not None and machine.selector.kind == "threshold"
    return machine.selector.comparators


def compare_outputs(tile: Tile, positions: int, machine: Machine) -> tuple[int, dict[str, int]]:
    """Return the cycles in which the outputs of a block are compared, and the counts."""
    cycles = positions * ceil_div(tile.rows, _comparators(machine))
    counts = {"comparisons": positions * tile.rows, "selector_busy_cycles": cycles}
    return cycles, counts | scaled_scores(tile, positions)


class ThresholdSelectorUnit(Component):
    """Compares ``comparators`` magnitudes |z~| a cycle with the layer's threshold register.

    Timing: q * ceil(n_tile / comparators) cycles per block; the mask is valid ``latency_cycles`` later, of which 2 can be
    built: read, compare. Outputs of neighbouring neurons come out of V banks and are rotated into order.
    """

    name = "threshold_selector"
    rtl = ("core.rtl_selector.Selector", "blocks.threshold.ThresholdSelector")
    services = (("select", compare_outputs),)
    actions = (Action("comparisons", 25, "outputs", "q * n_tile (threshold)", job="select"),)
    parts = (
        LogicPart("threshold_comparators", "threshold_comparator", _comparators, "`comparators`"),
        LogicPart(
            "selector_control",
            "threshold_control",
            lambda machine: 1,
            "1: which neurons come next, and whose masks they are",
        ),
        LogicPart(
            "result_select",
            "result_rotator_word",
            lambda machine: machine.mvu.vpus,
            "V: consecutive neurons out of V banks, rotated into order",
        ),
    )
    charges = (
        Charge(
            "threshold_compare",
            "compute",
            13,
            {"comparisons": event_price("threshold_comparison")},
            "`comparisons` x `threshold_comparison`",
        ),
        Charge(
            "result_select",
            "compute",
            15,
            {"comparisons": event_price("result_rotate")},
            "words read for selection: `comparisons` x `result_rotate` (threshold)",
        ),
    )
    delays = (
        delay_of("threshold_comparator", "threshold_comparator"),
        delay_of("selector_control", "threshold_control"),
        delay_of("result_select", "result_rotator_word"),
    )

    def is_in(self, machine: Machine) -> bool:
        """Return whether the machine has a selector of kind ``threshold``."""
        return machine.selector is not None and machine.selector.kind == "threshold"
