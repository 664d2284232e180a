"""What the compiled loops add up, and the counts that the sums become: the one place where a new count is entered.

A loop keeps its sums in an array with one row per field of the loop's tuple here. The fields of `SpikeSums` and
`ScheduleSums` are names of ``Counts``. `JobSums` are sums that several counts are multiples of; `counts_per_job_sum` says
which.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from accelsim.arrays import Ints
from accelsim.components.component_registry import per_written_word
from accelsim.config import Machine
from accelsim.counts import COUNT_NAMES
from accelsim.mapping.operand import Operand, bricks_per_product

COLUMN = {name: column for column, name in enumerate(COUNT_NAMES)}
"""The place of each count in an array of counts."""

Each = TypeVar("Each")


class JobSums(NamedTuple, Generic[Each]):
    """Something for each sum of `tile_jobs`. ``issue`` to ``positions_served`` are sums over passes, for one chunk."""

    essential_neurons: Each
    issue: Each
    port_stall: Each
    bubble: Each
    weight_fetches: Each
    operand_reads: Each
    positions_served: Each
    lines: Each
    write_cycles: Each


class SpikeSums(NamedTuple):
    """The row of each sum of `tile_spikes`: counts, by name."""

    precise_issue_cycles: int
    precise_port_stall_cycles: int
    precise_bubble_cycles: int
    vpu_steps_1bit: int
    weight_sram_reads_16bit: int
    weight_register_writes: int
    patch_buffer_reads: int
    broadcast_register_writes: int
    spike_additions: int
    event_walks: int


class ScheduleSums(NamedTuple):
    """The row of each sum of `tile_schedule`, which are over cores: counts, by name."""

    core_cycles: int
    mvu_idle_input_cycles: int
    mvu_idle_select_cycles: int
    mvu_idle_drain_cycles: int
    front_idle_slot_cycles: int
    front_idle_done_cycles: int
    barrier_cycles: int


JOB: JobSums[int] = JobSums(*range(len(JobSums._fields)))
SPIKE = SpikeSums(*range(len(SpikeSums._fields)))
SCHEDULE = ScheduleSums(*range(len(ScheduleSums._fields)))

SPIKE_COLUMNS = np.array([COLUMN[name] for name in SpikeSums._fields])
SCHEDULE_COLUMNS = np.array([COLUMN[name] for name in ScheduleSums._fields])

DRAM_COUNTS = ("dram_bits", "dram_cycles")
"""Counts that are made of tiles' weights: neither of jobs nor of a tile's schedule."""


def counts_per_job_sum(d: int, bits: int, machine: Machine) -> JobSums[Mapping[str, int]]:
    """Return, for each sum, what one of it adds to which count; nothing for a layer without precise work.

    Args:
        d: Inputs of a neuron of the layer.
        bits: Of the weights of precise work; 0 if there is none.
        machine: The accelerator that runs the layer.
    """
    if bits == 0:
        return JobSums(*[{}] * len(JobSums._fields))
    operand = Operand.precise(machine, d, bits, bits)
    chunks = operand.chunks
    return JobSums(
        essential_neurons={
            "essential_neurons": 1,
            f"brick_ops_{bits}bit": bricks_per_product(bits) * d,
            f"vpu_steps_{bits}bit": chunks,
            "result_buffer_writes": 1,
            "result_buffer_reads": 1,
            **per_written_word(machine),
        },
        issue={"precise_issue_cycles": chunks},
        port_stall={"precise_port_stall_cycles": chunks},
        bubble={"precise_bubble_cycles": chunks},
        weight_fetches={
            f"weight_sram_reads_{bits}bit": chunks * operand.weight_accesses,
            "weight_register_writes": chunks * operand.weight_words,
        },
        operand_reads={"patch_buffer_reads": chunks},
        positions_served={"broadcast_register_writes": chunks * operand.operand_words},
        lines={"output_sram_writes": 1},
        write_cycles={"output_busy_cycles": 1},
    )


def sums_to_counts(d: int, bits: int, machine: Machine) -> Ints:
    """Return what one of each sum adds to each count: int64 (sums, counts), `counts_per_job_sum`, then `SCHEDULE`."""
    table = np.zeros((len(JOB) + len(SCHEDULE), len(COUNT_NAMES)), np.int64)
    for row, adds in zip(table, counts_per_job_sum(d, bits, machine), strict=False):
        for name, factor in adds.items():
            row[COLUMN[name]] = factor
    table[len(JOB) + np.arange(len(SCHEDULE)), SCHEDULE_COLUMNS] = 1
    return table
