"""What VPUs fetch that hold a weight chunk while its positions are served: each row once in a pass that works on it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from accelsim.arrays import Ints, Words
from accelsim.engine.compiled.block_group import BlockGroup
from accelsim.engine.compiled.engine_sums import JOB
from accelsim.engine.compiled.jit import helper, inlined, popcount
from accelsim.engine.compiled.job_shape import JobShape
from accelsim.engine.compiled.packed_words import ONE_PER_BYTE, ZERO, at_least, bit_field


class HeldRows(NamedTuple):
    """Scratch for jobs of several passes. A tile's rows are cut into pieces of at most 64 that lie in one period.

    pieces: First row, rows, and first plane of ``ranks`` of each piece (pieces, 3).
    value: A piece of a position (blocks,).
    taken: Those of its rows that are in the present pass or before (blocks,).
    below: The rows of pieces that are in the pass before or earlier (positions, pieces, blocks).
    ranks: Rows that each VPU has met so far, in bytes as in `tally_position` (positions, planes, blocks).
    """

    pieces: Ints
    value: Words
    taken: Words
    below: Words
    ranks: Words


@inlined
def new_held_rows(shape: JobShape, blocks: int) -> HeldRows:
    """Return scratch for groups of so many blocks of a tile; the large arrays are empty if no job needs them."""
    is_used = shape.countable and shape.hold_weights and shape.most_passes > 1
    period = shape.owners * shape.rows_per_unit
    pieces = np.zeros((-(-shape.rows // period) * ((period + 63) // 64), 3), np.int64)
    number = 0
    for start in range(0, shape.rows if is_used else 0, period):
        for plane, first in enumerate(range(start, min(start + period, shape.rows), 64)):
            pieces[number, 0] = first
            pieces[number, 1] = min(64, start + period - first)
            pieces[number, 2] = plane * (8 // shape.rows_per_unit)
            number += 1
    value, taken = np.zeros((2, blocks), np.uint64)
    size = shape.position_block
    return HeldRows(
        pieces=pieces[:number],
        value=value,
        taken=taken,
        below=np.zeros((size, number, blocks), np.uint64),
        ranks=np.zeros((size, shape.plane_words if is_used else 0, blocks), np.uint64),
    )


@helper
def count_held_rows(group: BlockGroup, shape: JobShape, blocks: int) -> None:
    """Add to the sum of fetches the rows that any position works on, where no job has several passes."""
    bits, scratch, fetches = group.bits, group.scratch, group.sums[JOB.weight_fetches]
    for lane in range(shape.lanes):
        for word in range(shape.words):
            scratch[:blocks] = ZERO
            for position in range(lane, shape.position_block, shape.lanes):
                for block in range(blocks):
                    scratch[block] |= bits[position, word, block]
            for block in range(blocks):
                fetches[block] += popcount(scratch[block])


@helper
def count_held_rows_of_passes(
    group: BlockGroup, shape: JobShape, blocks: int, passes: int, held: HeldRows
) -> None:
    """As `count_held_rows`, pass by pass, where some job has several."""
    held.below[:] = ZERO
    for number in range(passes - 1):
        limit = ONE_PER_BYTE * np.uint64(min((number + 1) * shape.rows_per_pass, 127))
        held.ranks[:] = ZERO
        for lane in range(shape.lanes):
            _count_rows_of_pass(group, shape, blocks, held, lane, limit)
    for lane in range(shape.lanes):
        _count_rows_left(group, shape, blocks, held, lane)


@helper
def _count_rows_of_pass(
    group: BlockGroup, shape: JobShape, blocks: int, held: HeldRows, lane: int, limit: np.uint64
) -> None:
    """Count the rows that some position of a lane works on in a pass: those of rank below ``limit``, less ``held.below``."""
    bits, scratch, fetches = group.bits, group.scratch, group.sums[JOB.weight_fetches]
    pieces, value, taken, below, ranks = held.pieces, held.value, held.taken, held.below, held.ranks
    for piece in range(len(pieces)):
        first, length, low = pieces[piece, 0], pieces[piece, 1], pieces[piece, 0] >> 6
        scratch[:blocks] = ZERO
        for position in range(lane, shape.position_block, shape.lanes):
            for block in range(blocks):
                value[block] = bit_field(
                    bits[position, low, block], bits[position, low + 1, block], first & 63, length
                )
            taken[:blocks] = ZERO
            for bit in range(8):
                shift, plane = np.uint64(bit), pieces[piece, 2] + bit // shape.rows_per_unit
                for block in range(blocks):
                    met = ranks[position, plane, block]
                    here = (value[block] >> shift) & ONE_PER_BYTE
                    taken[block] |= (here & ~at_least(met, limit)) << shift
                    ranks[position, plane, block] = met + here
            for block in range(blocks):
                scratch[block] |= taken[block] & ~below[position, piece, block]
                below[position, piece, block] = taken[block]
        for block in range(blocks):
            fetches[block] += popcount(scratch[block])


@helper
def _count_rows_left(group: BlockGroup, shape: JobShape, blocks: int, held: HeldRows, lane: int) -> None:
    """Count the rows that some position of a lane works on in the last pass: all but those in ``held.below``."""
    bits, scratch, fetches = group.bits, group.scratch, group.sums[JOB.weight_fetches]
    pieces, below = held.pieces, held.below
    for piece in range(len(pieces)):
        first, length, low = pieces[piece, 0], pieces[piece, 1], pieces[piece, 0] >> 6
        scratch[:blocks] = ZERO
        for position in range(lane, shape.position_block, shape.lanes):
            for block in range(blocks):
                rows = bit_field(
                    bits[position, low, block], bits[position, low + 1, block], first & 63, length
                )
                scratch[block] |= rows & ~below[position, piece, block]
        for block in range(blocks):
            fetches[block] += popcount(scratch[block])
