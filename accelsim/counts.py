"""What a simulation counts: exact integers, no joules and no seconds.

Every field is defined in ``docs/machine.md`` (section "Counts"); the reference engine, the compiled
engine, the oracle and the RTL must agree on all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import reduce


@dataclass(frozen=True, slots=True)
class Counts:
    """Event and cycle counts of a stretch of work (a core's tile, a layer, an image): all exact ints.

    Counts of cores are added, so unit cycles are *core cycles*: ``core_cycles`` is cores x elapsed
    cycles, and each unit's busy and idle cycles add up to it.

    Work
        positions, blocks: output positions computed, and position blocks they were grouped in.
        essential_neurons: outputs computed in 16 bits (all of them in a dense layer).
    MVU
        brick_ops_4bit: 4x4 multiplications fired for the approximation, one per 4-bit MAC.
        brick_ops_16bit: 4x4 multiplications fired for precise work, 16 per 16-bit MAC.
        vpu_steps_4bit, vpu_steps_16bit: one VPU working on one row and one operand chunk for one issue:
            one pass of the adder tree and one psum read-add-write each.
        vpu_steps_1bit: steps of spiking layers, whose operands are spikes: additions, no brick fires.
        spike_additions: weights added to a psum because of a spike: a spike of each essential neuron's inputs.
        event_walks: chunks with a spike that were looked up, and positions with a spike in them.
        {approximate,precise}_issue_cycles: MVU cycles in which the busiest VPU of the chunk steps.
        {approximate,precise}_port_stall_cycles: extra cycles because an SRAM port is too narrow.
        {approximate,precise}_bubble_cycles: extra cycles because psums in flight are fewer than the
            accumulate latency.
        mvu_idle_{input,select,drain}_cycles: idle, by what the MVU waited for (also: barrier_cycles, dram_cycles).
    Front end (fetch and projection)
        fetch_cycles, projection_cycles: in which a window is fetched; of positions that project, fetches included.
        front_busy_cycles; front_idle_slot_cycles (no free slot); front_idle_done_cycles (all fetched).
        projection_additions: 16-bit additions or subtractions, nnz(P) per projected position.
        projection_accumulations: sums of a window added to one of the k sums of a position.
        projected_values: sums rounded to INT4.
    Selector and write-back
        comparisons: outputs compared with a threshold; groups_ranked: N:M groups ranked.
        selector_busy_cycles, output_busy_cycles.
    Spiking neurons
        membrane_updates: neurons x time steps. noise_draws: normal random numbers added to a potential.
        membrane_reads, membrane_writes: lines of the output SRAM that hold potentials and noise levels.
    Storage
        input_sram_reads, patch_buffer_writes, patch_buffer_reads, weight_sram_reads_4bit,
        weight_sram_reads_16bit, output_sram_writes: accesses of that SRAM's full ``width_bits``.
        result_buffer_writes, result_buffer_reads, broadcast_register_writes, weight_register_writes:
            16-bit words.
        dram_bits: weight bits loaded from DRAM.
    Barrier
        barrier_cycles, dram_cycles: core cycles spent waiting for other cores, and for weights.
    """

    core_cycles: int = 0
    positions: int = 0
    blocks: int = 0
    essential_neurons: int = 0
    brick_ops_4bit: int = 0
    brick_ops_16bit: int = 0
    vpu_steps_4bit: int = 0
    vpu_steps_16bit: int = 0
    approximate_issue_cycles: int = 0
    approximate_port_stall_cycles: int = 0
    approximate_bubble_cycles: int = 0
    precise_issue_cycles: int = 0
    precise_port_stall_cycles: int = 0
    precise_bubble_cycles: int = 0
    mvu_idle_input_cycles: int = 0
    mvu_idle_select_cycles: int = 0
    mvu_idle_drain_cycles: int = 0
    fetch_cycles: int = 0
    projection_cycles: int = 0
    front_busy_cycles: int = 0
    front_idle_slot_cycles: int = 0
    front_idle_done_cycles: int = 0
    projection_additions: int = 0
    projection_accumulations: int = 0
    projected_values: int = 0
    comparisons: int = 0
    groups_ranked: int = 0
    selector_busy_cycles: int = 0
    output_busy_cycles: int = 0
    input_sram_reads: int = 0
    patch_buffer_writes: int = 0
    patch_buffer_reads: int = 0
    weight_sram_reads_4bit: int = 0
    weight_sram_reads_16bit: int = 0
    result_buffer_writes: int = 0
    result_buffer_reads: int = 0
    output_sram_writes: int = 0
    broadcast_register_writes: int = 0
    weight_register_writes: int = 0
    dram_bits: int = 0
    barrier_cycles: int = 0
    dram_cycles: int = 0
    vpu_steps_1bit: int = 0
    spike_additions: int = 0
    event_walks: int = 0
    membrane_updates: int = 0
    membrane_reads: int = 0
    membrane_writes: int = 0
    noise_draws: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in COUNT_NAMES})

    def as_dict(self) -> dict[str, int]:
        """Field name to count, in the order of definition."""
        return {name: getattr(self, name) for name in COUNT_NAMES}

    @property
    def mvu_busy_cycles(self) -> int:
        """Core cycles in which a job held the MVU: issuing, stalled by a port, or in a bubble."""
        return (
            self.approximate_issue_cycles
            + self.approximate_port_stall_cycles
            + self.approximate_bubble_cycles
            + self.precise_issue_cycles
            + self.precise_port_stall_cycles
            + self.precise_bubble_cycles
        )

    @property
    def mvu_idle_cycles(self) -> int:
        """Core cycles in which no job held the MVU, barrier and DRAM waits included."""
        return (
            self.mvu_idle_input_cycles
            + self.mvu_idle_select_cycles
            + self.mvu_idle_drain_cycles
            + self.barrier_cycles
            + self.dram_cycles
        )


COUNT_NAMES: tuple[str, ...] = tuple(field.name for field in fields(Counts))


def total(counts: list[Counts]) -> Counts:
    """Sum of many counts; ``Counts()`` for none."""
    return reduce(Counts.__add__, counts, Counts())
