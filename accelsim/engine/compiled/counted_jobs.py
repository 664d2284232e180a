"""Precise jobs from how many rows each VPU has: for machines on which it does not matter which positions share a row.

These are machines that read a weight chunk for every step, or that hold it and read it in one access: Q(v) is then W(v),
but for a factor. Where a chunk that is held takes several accesses, jobs are made row by row (`ranked_jobs`).
"""

from __future__ import annotations

import numpy as np

from accelsim.arrays import Ints, Words
from accelsim.engine.compiled.block_group import BlockGroup, add_pass
from accelsim.engine.compiled.jit import helper, inlined
from accelsim.engine.compiled.job_shape import JobShape
from accelsim.engine.compiled.packed_words import ONE_PER_BYTE, ZERO, at_least
from accelsim.engine.compiled.row_tallies import RowTallies, pack, raise_to_largest, tally_position


@helper
def counted_jobs(group: BlockGroup, shape: JobShape, blocks: int, tallies: RowTallies) -> int:
    """Set cycles per chunk of the group's jobs and add the jobs to its sums; return the most passes that one has."""
    bits, scratch = group.bits, group.scratch
    planes, counts, issue = tallies.planes, tallies.counts, tallies.issue
    size, lanes = shape.position_block, shape.lanes
    group.cycles[:blocks] = 0
    if shape.most_rows <= shape.rows_per_pass:
        for lane in range(lanes):
            for position in range(lane, size, lanes):
                tally_position(bits, position, shape, blocks, scratch, planes)
            pack(planes, shape, blocks, counts, lane)
            raise_to_largest(counts, lane, blocks, issue)
        return int(_end_pass(group, shape, blocks, issue))
    for position in range(size):
        tally_position(bits, position, shape, blocks, scratch, planes)
        pack(planes, shape, blocks, counts, position)
    in_pass = ONE_PER_BYTE * np.uint64(shape.rows_per_pass)
    passes = 0
    while True:
        for lane in range(lanes):
            counts[size] = ZERO  # becomes the sum of the lane's positions
            for position in range(lane, size, lanes):
                _take_rows_of_pass(counts, position, blocks, in_pass)
            raise_to_largest(counts, size, blocks, issue)
        if not _end_pass(group, shape, blocks, issue):
            return passes
        passes += 1


@inlined
def _take_rows_of_pass(counts: Words, position: int, blocks: int, in_pass: np.uint64) -> None:
    """Move the rows of the next pass, at most ``in_pass`` in each byte, from a position to the sum of positions."""
    total = counts.shape[0] - 1
    for word in range(counts.shape[1]):
        for block in range(blocks):
            left = counts[position, word, block]
            full = at_least(left, in_pass)
            now = (in_pass & full) | (left & ~full)
            counts[position, word, block] = left - now
            counts[total, word, block] += now


@helper
def _end_pass(group: BlockGroup, shape: JobShape, blocks: int, issue: Ints) -> bool:
    """Enter the pass of all blocks that have one, and clear ``issue``; return whether any has."""
    reads, positions, sums, cycles = group.reads, group.positions, group.sums, group.cycles
    accesses = 1 if shape.hold_weights else shape.weight_accesses
    most = 0
    for block in range(blocks):
        steps = issue[block]
        there = -int(steps > 0)  # all ones or none: without branches this becomes vector instructions
        cycles[block] += add_pass(
            sums,
            block,
            there & shape.accumulate_latency_cycles,
            there & reads[block],
            there & positions[block],
            steps,
            steps * accesses,
        )
        most = max(most, steps)
        issue[block] = 0
    return most > 0
