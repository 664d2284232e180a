"""Attribute each block's counts to the jobs that cause them, so that energy can be told job by job.

``mapping`` sums a block's counts over its jobs. Most counts belong to one kind of job; the others are taken apart
here: what an approximated block has for all masks alike (``RegularWork``) is shared by the jobs that the action names, the
rest is its own job's (docs/machine.md, section 7). Which jobs those are, the components say.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from accelsim.arrays import Ints
from accelsim.components.component import JOBS, Job
from accelsim.components.component_registry import action_owners

__all__ = ["JOBS", "JobCounts", "job_counts"]

JobCounts = dict[Job, dict[str, Ints]]
"""Of every job the counts that it makes, by names of ``Counts``: int64 (blocks,)."""


def job_counts(
    dense: bool, common: Mapping[str, Ints], counts: Mapping[str, Ints], selects: bool = True
) -> JobCounts:
    """Return the counts of some blocks, job by job.

    Args:
        dense: Whether the blocks' layer is dense.
        common: The counts that are the same for all masks (``RegularWork``), int64 (blocks,).
        counts: All counts, int64 (blocks,).
        selects: Whether the blocks have masks; without, no share goes to a selection.

    Returns:
        Every count, given to exactly one job or in shares that add up to it.

    Raises:
        KeyError: If a count is no job's.
    """
    told: JobCounts = {job: {} for job in JOBS}
    owners = action_owners()
    for name, values in counts.items():
        sharing, owner = owners[name]
        sharing = tuple(job for job in sharing if selects or job != "select")
        if not sharing:
            told[owner][name] = values
            continue
        alike = np.zeros_like(values) if dense or name not in common else common[name]
        for job in sharing:
            told[job][name] = alike // len(sharing)
        told[owner][name] = values - alike
    return told
