"""What the columns of the page's tables are called, in which unit they are shown, and what they mean."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from accelsim.energy import GROUPS
from accelsim.pictures import group_title


@dataclass(frozen=True)
class Column:
    """How a column is shown. per: what a stored number is divided by. kind: `text`, `integer`, `number` or `share`."""

    title: str
    kind: str = "number"
    per: float = 1.0
    about: str = ""


COLUMNS: dict[str, Column] = {
    "network": Column("network", "text"),
    "scheme": Column("scheme", "text"),
    "label": Column("scheme", "text", about="N:M is N kept of every M"),
    "machine": Column("machine", "text"),
    "layer": Column("layer", "text"),
    "layer_index": Column("#", "integer", about="place in the order of execution"),
    "layer_kind": Column("kind", "text"),
    "n": Column("neurons", "integer", about="outputs (channels or features) of the layer"),
    "d": Column("inputs", "integer", about="inputs of one neuron"),
    "k": Column("k", "integer", about="outputs of the random projection; 0: no approximation"),
    "noise": Column(
        "noise", "share", about="degree of noise: the share of neurons that keep their approximation"
    ),
    "images": Column("images", "integer"),
    "latency_cycles": Column("cycles", "integer", about="per image: mean over the images"),
    "latency_us": Column("time, µs", about="per image: mean over the images"),
    "energy_pj": Column("energy, µJ", per=1e6, about="per image: mean over the images"),
    "edp_pj_us": Column("EDP, µJ·ms", per=1e9, about="energy times time, per image: mean over the images"),
    "area_mm2": Column("area, mm²", about="of all cores"),
    **{
        f"{group}_pj": Column(f"{group_title(group)}, µJ", per=1e6, about="part of the energy")
        for group in GROUPS
    },
    "time_rel": Column("time / dense"),
    "energy_rel": Column("energy / dense"),
    "edp_rel": Column("EDP / dense"),
    "mvu_busy": Column("MVU busy", "share", about="share of core cycles in which a job holds the MVU"),
    "mapping_efficiency": Column(
        "mapping efficiency",
        "share",
        about="share of VPU slots, in the MVU's busy cycles, that work on a row",
    ),
    "brick_utilization": Column(
        "bricks firing", "share", about="share of all bricks in all cycles that multiply"
    ),
    "front_busy": Column("front end busy", "share", about="share of core cycles: fetch and projection"),
    "selector_busy": Column("selector busy", "share", about="share of core cycles"),
    "output_busy": Column("output busy", "share", about="share of core cycles"),
    "state": Column("state", "text"),
    "front": Column(
        "on the front", "text", about="no other point is as good in every objective and better in one"
    ),
    "error": Column("why it failed", "text"),
    "id": Column("point", "text", about="identity in the database; accelsim results --machine takes it"),
}


@dataclass(frozen=True)
class CycleUse:
    """One way in which the MVU's core cycles are spent: the sum of some counts. idle: no job holds the MVU."""

    title: str
    colour: str
    counts: tuple[str, ...]
    idle: bool
    about: str


CYCLE_USES = (
    CycleUse("approximate work", "#66ccee", ("approximate_issue_cycles",), False, "INT4 steps issued"),
    CycleUse("precise work", "#4477aa", ("precise_issue_cycles",), False, "16-bit steps issued"),
    CycleUse(
        "port stalls", "#ee7733", ("approximate_port_stall_cycles", "precise_port_stall_cycles"), False,
        "an SRAM port is too narrow",
    ),
    CycleUse(
        "bubbles", "#cc3311", ("approximate_bubble_cycles", "precise_bubble_cycles"), False,
        "fewer partial sums in flight than the accumulate latency",
    ),
    CycleUse("idle: input", "#ccbb44", ("mvu_idle_input_cycles",), True, "waits for the front end"),
    CycleUse("idle: selection", "#aa3377", ("mvu_idle_select_cycles",), True, "waits for the selector"),
    CycleUse("idle: drain", "#bbbbbb", ("mvu_idle_drain_cycles",), True, "all issued; results are written"),
    CycleUse("idle: barrier", "#228833", ("barrier_cycles",), True, "waits for other cores"),
    CycleUse("idle: DRAM", "#885522", ("dram_cycles",), True, "waits for weights"),
)  # fmt: skip
"""Every core cycle is in exactly one (docs/machine.md, "Counts")."""


def for_page() -> dict[str, Any]:
    """The columns and uses as plain data."""
    return {
        "columns": {name: asdict(column) for name, column in COLUMNS.items()},
        "cycles": [asdict(use) for use in CYCLE_USES],
    }
