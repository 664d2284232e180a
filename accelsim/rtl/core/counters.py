"""The core's activity counters: one for every count of docs/machine.md, section 7, that a core can make."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, ValueLike
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

COUNTER_BITS = 40

COUNTERS = (
    "core_cycles",
    "positions",
    "blocks",
    "essential_neurons",
    "brick_ops_4bit",
    "brick_ops_16bit",
    "vpu_steps_4bit",
    "vpu_steps_16bit",
    "approximate_issue_cycles",
    "approximate_port_stall_cycles",
    "approximate_bubble_cycles",
    "precise_issue_cycles",
    "precise_port_stall_cycles",
    "precise_bubble_cycles",
    "mvu_idle_input_cycles",
    "mvu_idle_select_cycles",
    "mvu_idle_drain_cycles",
    "fetch_cycles",
    "projection_cycles",
    "front_busy_cycles",
    "front_idle_slot_cycles",
    "front_idle_done_cycles",
    "projection_additions",
    "projection_accumulations",
    "projected_values",
    "comparisons",
    "groups_ranked",
    "selector_busy_cycles",
    "output_busy_cycles",
    "input_sram_reads",
    "patch_buffer_writes",
    "patch_buffer_reads",
    "weight_sram_reads_4bit",
    "weight_sram_reads_16bit",
    "result_buffer_writes",
    "result_buffer_reads",
    "output_sram_writes",
    "broadcast_register_writes",
    "weight_register_writes",
)
"""Names as in `accelsim.counts.Counts`; barrier and DRAM waits are between cores and tiles."""


class Counters(wiring.Component):
    """``clear`` sets all to 0. What each adds in a cycle is set with `add` before elaboration ends."""

    def __init__(self) -> None:
        super().__init__({"clear": In(1), **{f"count_{name}": Out(COUNTER_BITS) for name in COUNTERS}})

    def __getitem__(self, name: str) -> Signal:
        value: Signal = getattr(self, f"count_{name}")
        return value

    def add(self, m: Module, terms: dict[str, ValueLike]) -> None:
        """Add each term to its counter in every cycle, in the module `m`."""
        self._terms = [(name, Signal(COUNTER_BITS, name=f"more_{name}")) for name in terms]
        for name, more in self._terms:
            m.d.comb += more.eq(terms[name])

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for name, more in self._terms:
            m.d.sync += self[name].eq(self[name] + more)
        with m.If(self.clear):
            m.d.sync += [self[name].eq(0) for name, _more in self._terms]
        return m
