"""Precise jobs row by row, for any machine: which positions share a row of which VPU, in ascending order of rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from accelsim.arrays import Ints, Words
from accelsim.engine.compiled.block_group import BlockGroup, add_pass
from accelsim.engine.compiled.engine_sums import JOB
from accelsim.engine.compiled.jit import helper, inlined, lowest_bit
from accelsim.engine.compiled.job_shape import JobShape
from accelsim.engine.compiled.packed_words import ONE, ZERO


class RowRanks(NamedTuple):
    """Scratch, all zero before and after a job but for the first four.

    owner_of: VPU of each row (rows,), as made by `JobShape.owner_of_row`.
    lane_of: Lane of each position (positions,).
    pass_of_rank, last_pass_of_rank: Pass in which a VPU works on its row of that rank, in a full block and in a short one
        (ranks,).
    rank: Rows met so far (positions, VPUs).
    uses: c(v, r) of the present row (lanes, passes).
    steps: W(v) (passes, lanes, VPUs).
    weight_time: Q(v) (passes, lanes, VPUs).
    """

    owner_of: Ints
    lane_of: Ints
    pass_of_rank: Ints
    last_pass_of_rank: Ints
    rank: Ints
    uses: Ints
    steps: Ints
    weight_time: Ints


@inlined
def new_row_ranks(shape: JobShape, owner_of: Ints) -> RowRanks:
    """Return scratch for a tile."""
    passes, lanes, owners = shape.most_passes, shape.lanes, shape.owners
    return RowRanks(
        owner_of=owner_of,
        lane_of=np.arange(shape.position_block) % lanes,
        pass_of_rank=np.arange(shape.most_rows) // shape.rows_per_pass,
        last_pass_of_rank=np.arange(shape.most_rows) // shape.last_rows_per_pass,
        rank=np.zeros((shape.position_block, owners), np.int64),
        uses=np.zeros((lanes, passes), np.int64),
        steps=np.zeros((passes, lanes, owners), np.int64),
        weight_time=np.zeros((passes, lanes, owners), np.int64),
    )


@helper
def ranked_job(group: BlockGroup, block: int, shape: JobShape, ranks: RowRanks) -> int:
    """Add a block's job to the group's sums; return its cycles per chunk."""
    bits, positions = group.bits, group.positions[block]
    passes, fetched = 0, 0
    for word in range(shape.words):
        rows = ZERO
        for position in range(positions):
            rows |= bits[position, word, block]
        last, entered = _enter_rows(bits, block, word, rows, positions, shape, ranks)
        passes, fetched = max(passes, last), fetched + entered
    group.sums[JOB.weight_fetches, block] += fetched * shape.hold_weights
    ranks.rank[:] = 0
    return _end_passes(group, block, passes, shape, ranks)


@helper
def _enter_rows(
    bits: Words, block: int, word: int, rows: np.uint64, positions: int, shape: JobShape, ranks: RowRanks
) -> tuple[int, int]:
    """Enter the rows of a word that any position works on.

    Returns:
        The number of their last pass, plus 1, and how often a lane meets a row in a pass.
    """
    owner_of, lane_of = ranks.owner_of, ranks.lane_of
    pass_of_rank = ranks.pass_of_rank if positions == shape.position_block else ranks.last_pass_of_rank
    rank, uses, steps, weight_time = ranks.rank, ranks.uses, ranks.steps, ranks.weight_time
    passes, entered = 0, 0
    while rows != ZERO:
        row = rows & (~rows + ONE)
        owner = owner_of[64 * word + lowest_bit(rows)]
        rows ^= row
        for position in range(positions):
            if bits[position, word, block] & row:
                number = pass_of_rank[rank[position, owner]]
                uses[lane_of[position], number] += 1
                passes = max(passes, number + 1)
        for position in range(positions):
            if bits[position, word, block] & row:
                lane, number = lane_of[position], pass_of_rank[rank[position, owner]]
                rank[position, owner] += 1
                used = uses[lane, number]
                if used > 0:  # else an earlier position of this pass has entered it
                    entered += 1
                    steps[number, lane, owner] += used
                    weight_time[number, lane, owner] += max(used, shape.weight_accesses)
                    uses[lane, number] = 0
    return passes, entered


@helper
def _end_passes(group: BlockGroup, block: int, passes: int, shape: JobShape, ranks: RowRanks) -> int:
    """Add all passes of a block's job to the group's sums and clear them; return their cycles per chunk."""
    steps, weight_time = ranks.steps, ranks.weight_time
    reads, positions = group.reads[block], group.positions[block]
    cycles = 0
    for number in range(passes):
        issue, longest = 0, 0
        for lane in range(shape.lanes):
            for owner in range(shape.owners):
                issue = max(issue, steps[number, lane, owner])
                longest = max(longest, weight_time[number, lane, owner])
        if not shape.hold_weights:
            longest = issue * shape.weight_accesses
        steps[number] = 0
        weight_time[number] = 0
        latency = shape.accumulate_latency_cycles
        cycles += add_pass(group.sums, block, latency, reads, positions, issue, longest)
    return cycles
