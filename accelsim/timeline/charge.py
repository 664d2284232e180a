"""Which job of a block makes which of its counts, so that energy can be told job by job.

``mapping`` sums a block's counts over its jobs. Most counts belong to one kind of job; the others are taken apart
here: what an approximated block has for all masks alike (``RegularWork``) is the approximation's, the rest is the
precise work's (docs/machine.md, section 7).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from accelsim.arrays import Ints
from accelsim.machine import Job

JobCounts = dict[Job, dict[str, Ints]]
"""Of every job the counts that it makes, by names of ``Counts``: int64 (blocks,)."""

JOBS: tuple[Job, ...] = ("fetch", "approximate", "select", "write_noise", "precise", "write")

_WHOLE: dict[Job, tuple[str, ...]] = {
    "fetch": (
        "positions",
        "blocks",
        "fetch_cycles",
        "projection_cycles",
        "front_busy_cycles",
        "projection_additions",
        "projection_accumulations",
        "projected_values",
        "input_sram_reads",
        "patch_buffer_writes",
    ),
    "approximate": (
        "brick_ops_4bit",
        "vpu_steps_4bit",
        "approximate_issue_cycles",
        "approximate_port_stall_cycles",
        "approximate_bubble_cycles",
        "weight_sram_reads_4bit",
    ),
    "select": ("comparisons", "groups_ranked", "selector_busy_cycles"),
    "precise": (
        "essential_neurons",
        "brick_ops_16bit",
        "vpu_steps_16bit",
        "vpu_steps_1bit",
        "spike_additions",
        "event_walks",
        "precise_issue_cycles",
        "precise_port_stall_cycles",
        "precise_bubble_cycles",
        "weight_sram_reads_16bit",
    ),
    "write": ("membrane_updates", "membrane_reads", "membrane_writes", "noise_draws"),
}
_SHARED: dict[str, tuple[tuple[Job, ...], Job]] = {
    "patch_buffer_reads": (("approximate",), "precise"),
    "broadcast_register_writes": (("approximate",), "precise"),
    "weight_register_writes": (("approximate",), "precise"),
    "result_buffer_writes": (("approximate",), "precise"),
    "result_buffer_reads": (("select", "write_noise"), "write"),  # z~ is read once for each of the two
    "output_sram_writes": (("write_noise",), "write"),
    "output_busy_cycles": (("write_noise",), "write"),
}
"""Jobs that make the part that all masks have in common, in equal shares, and the job that makes the rest."""


def job_counts(dense: bool, common: Mapping[str, Ints], counts: Mapping[str, Ints]) -> JobCounts:
    """The counts of some blocks, told job by job.

    common: those that are the same for all masks (``RegularWork``). counts: all of them. Both int64 (blocks,).
    Every count is given to exactly one job, or in shares that add up to it. Raises KeyError for one that is unknown.
    """
    told: JobCounts = {job: {} for job in JOBS}
    owner = {name: job for job, names in _WHOLE.items() for name in names}
    for name, values in counts.items():
        if name in owner:
            told[owner[name]][name] = values
            continue
        sharing, last = _SHARED[name]
        alike = np.zeros_like(values) if dense or name not in common else common[name]
        for job in sharing:
            told[job][name] = alike // len(sharing)
        told[last][name] = values - alike
    return told
