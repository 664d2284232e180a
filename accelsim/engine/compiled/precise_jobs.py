"""Section 4 of ``docs/machine.md``, compiled: the precise jobs of a tile, straight from packed masks.

Blocks are taken in groups (`block_group`). Most jobs are made from counts of rows (`counted_jobs`, `held_rows`), the others
row by row (`ranked_jobs`).
"""

from __future__ import annotations

import numpy as np

from accelsim.arrays import Ints, Words
from accelsim.engine.compiled.block_group import (
    GROUP_BLOCKS,
    BlockGroup,
    first_span,
    load_group,
    new_group,
    next_span,
)
from accelsim.engine.compiled.counted_jobs import counted_jobs
from accelsim.engine.compiled.engine_sums import JOB
from accelsim.engine.compiled.even_units import count_rows_of_even_units
from accelsim.engine.compiled.held_rows import (
    count_held_rows,
    count_held_rows_of_passes,
    new_held_rows,
)
from accelsim.engine.compiled.jit import helper, inlined, popcount
from accelsim.engine.compiled.job_shape import JobShape
from accelsim.engine.compiled.packed_words import ALL_BITS, ONE, ZERO, bit_field
from accelsim.engine.compiled.ranked_jobs import RowRanks, new_row_ranks, ranked_job
from accelsim.engine.compiled.row_tallies import new_tallies


@helper
def tile_jobs(
    masks: Words, shape: JobShape, owner_of: Ints, precise: Ints, write: Ints, totals: Ints
) -> None:
    """Run the precise jobs of all blocks of a tile, and their write-backs.

    Args:
        masks: uint64 (images, positions, words), neuron i in bit i % 64 of word i // 64.
        shape: The tile on its machine.
        owner_of: int64 (rows,), as made by `JobShape.owner_of_row`.
        precise: int64 (images, blocks), set to the cycles of the jobs; 0 where a block has none.
        write: int64 (images, blocks), set to the cycles of the write-backs; 0 where a block has none.
        totals: int64 (images, sums), by `JOB`; added to.
    """
    blocks_per_image = precise.shape[1]
    all_blocks = masks.shape[0] * blocks_per_image
    size = min(GROUP_BLOCKS, all_blocks)
    group, tallies = new_group(shape, size), new_tallies(shape, size)
    held = new_held_rows(shape, size)
    ranks = new_row_ranks(shape, owner_of)
    for start in range(0, all_blocks, size):
        blocks = min(size, all_blocks - start)
        load_group(masks, start, blocks, blocks_per_image, shape, group)
        _count_outputs(group, shape, blocks)
        if shape.countable:
            most_passes = counted_jobs(group, shape, blocks, tallies)
            if shape.hold_weights and most_passes == 1:
                count_held_rows(group, shape, blocks)
            elif shape.hold_weights and shape.passes_per_unit > 0:
                count_rows_of_even_units(group, shape, blocks)
            elif shape.hold_weights:
                count_held_rows_of_passes(group, shape, blocks, most_passes, held)
            if shape.last_rows_per_pass > shape.rows_per_pass and shape.most_rows > shape.rows_per_pass:
                _redo_short_blocks(group, shape, blocks, ranks)
        else:
            for block in range(blocks):
                group.cycles[block] = ranked_job(group, block, shape, ranks)
        _store_group(group, shape, start, blocks, precise, write, totals)


@helper
def _redo_short_blocks(group: BlockGroup, shape: JobShape, blocks: int, ranks: RowRanks) -> None:
    """Make the jobs of blocks with fewer positions row by row: their passes are longer than the counts of rows assume."""
    sums = group.sums
    for block in range(blocks):
        if group.positions[block] == shape.position_block:
            continue
        sums[JOB.issue, block] = 0
        sums[JOB.port_stall, block] = 0
        sums[JOB.bubble, block] = 0
        sums[JOB.operand_reads, block] = 0
        sums[JOB.positions_served, block] = 0
        sums[JOB.weight_fetches, block] = 0
        group.cycles[block] = ranked_job(group, block, shape, ranks)


@helper
def _count_outputs(group: BlockGroup, shape: JobShape, blocks: int) -> None:
    """Count the essential neurons and the output lines, of ``words_per_line`` consecutive rows, that hold one."""
    bits, scratch, width = group.bits, group.scratch, shape.words_per_line
    essential, lines = group.sums[JOB.essential_neurons], group.sums[JOB.lines]
    in_words = width <= 32 and 64 % width == 0
    for position in range(shape.position_block):
        for word in range(shape.words):
            if in_words:
                _count_word(bits[position, word], width, blocks, essential, lines)
            else:
                for block in range(blocks):
                    essential[block] += popcount(bits[position, word, block])
        if not in_words:
            _count_lines(bits, position, shape, blocks, scratch, lines)


@inlined
def _count_word(words: Words, width: int, blocks: int, essential: Ints, lines: Ints) -> None:
    """Count the bits of a word and the lines in it, of ``width`` bits (1 to 32, a divisor of 64), that have one."""
    first_of_line = ALL_BITS // ((ONE << np.uint64(width)) - ONE)
    by_1, by_2, by_4 = np.uint64(width > 1), np.uint64(2 * (width > 2)), np.uint64(4 * (width > 4))
    by_8, by_16 = np.uint64(8 * (width > 8)), np.uint64(16 * (width > 16))
    for block in range(blocks):
        rows = words[block]
        essential[block] += popcount(rows)
        rows |= rows >> by_1  # the first bit of a line gathers the others; a shift by 0 changes nothing
        rows |= rows >> by_2
        rows |= rows >> by_4
        rows |= rows >> by_8
        rows |= rows >> by_16
        lines[block] += popcount(rows & first_of_line)


@helper
def _count_lines(
    bits: Words, position: int, shape: JobShape, blocks: int, scratch: Words, lines: Ints
) -> None:
    """Add to ``lines`` the output lines of a position that hold an essential neuron, whatever their width."""
    width = shape.words_per_line
    for line in range(0, shape.rows, width):
        end = min(line + width, shape.rows)
        scratch[:blocks] = ZERO
        for first in range(line, end, 64):
            low, length = first >> 6, min(64, end - first)
            for block in range(blocks):
                scratch[block] |= bit_field(
                    bits[position, low, block], bits[position, low + 1, block], first & 63, length
                )
        for block in range(blocks):
            lines[block] += np.int64(scratch[block] != ZERO)


@helper
def _store_group(
    group: BlockGroup, shape: JobShape, start: int, blocks: int, precise: Ints, write: Ints, totals: Ints
) -> None:
    """Complete the sums of a group's blocks and give them to their images."""
    sums, cycles, banks = group.sums, group.cycles, shape.banks
    if not shape.hold_weights:
        sums[JOB.weight_fetches] = sums[JOB.essential_neurons]
    sums[JOB.write_cycles] = sums[JOB.lines]
    if banks > 1:
        for block in range(blocks):
            sums[JOB.write_cycles, block] = -(-sums[JOB.lines, block] // banks)
    span = first_span(start, blocks, precise.shape[1])
    while span.blocks > 0:
        for block in range(span.blocks):
            precise[span.image, span.first_block + block] = cycles[span.at + block] * shape.chunks
            write[span.image, span.first_block + block] = sums[JOB.write_cycles, span.at + block]
        for row in range(len(JOB)):
            totals[span.image, row] += sums[row, span.at : span.at + span.blocks].sum()
        span = next_span(span, blocks, precise.shape[1])
