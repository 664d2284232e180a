"""A group of blocks that go through every step of `tile_jobs` together, and how their masks get into it.

The block is the last axis of all arrays, so that loops over the group become vector instructions.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from accelsim.arrays import Ints, Words
from accelsim.engine.compiled.engine_sums import JOB
from accelsim.engine.compiled.jit import helper, inlined
from accelsim.engine.compiled.job_shape import JobShape
from accelsim.engine.compiled.packed_words import ALL_BITS, ZERO

GROUP_BLOCKS: Final = 128
"""Most blocks of a group: few enough for all that they need to stay in the processor's cache."""


class BlockGroup(NamedTuple):
    """The masks of a group's blocks and what their precise jobs come to. Arrays, whose last axis is the block.

    bits: Mask bits of the tile's rows, from bit 0 of word 0 on, and a last word of zeros (positions, words + 1, blocks).
    positions: Positions of each block (blocks,).
    reads: Patch buffer reads of each block in a pass (blocks,).
    sums: By `JOB` (sums, blocks).
    cycles: Cycles per chunk of each block's job (blocks,).
    scratch: Words that any step may use (blocks,).
    """

    bits: Words
    positions: Ints
    reads: Ints
    sums: Ints
    cycles: Ints
    scratch: Words


class Span(NamedTuple):
    """Consecutive blocks of one image, and where in the group the first one is."""

    image: int
    first_block: int
    blocks: int
    at: int


@inlined
def new_group(shape: JobShape, size: int) -> BlockGroup:
    """Return a group without blocks, with room for ``size`` of them."""
    positions, reads = np.zeros((2, size), np.int64)
    return BlockGroup(
        bits=np.zeros((shape.position_block, shape.words + 1, size), np.uint64),
        positions=positions,
        reads=reads,
        sums=np.zeros((len(JOB), size), np.int64),
        cycles=np.zeros(size, np.int64),
        scratch=np.zeros(size, np.uint64),
    )


@inlined
def first_span(start: int, blocks: int, blocks_per_image: int) -> Span:
    """Return the first blocks of a group that are of the same image.

    Args:
        start: Number of the group's first block, counted through all images.
        blocks: Blocks of the group.
        blocks_per_image: Blocks of the tile.
    """
    image = start // blocks_per_image
    first_block = start - image * blocks_per_image
    return Span(image, first_block, min(blocks, blocks_per_image - first_block), 0)


@inlined
def next_span(span: Span, blocks: int, blocks_per_image: int) -> Span:
    """Return the blocks of a group after ``span`` that are of the same image; without blocks at the group's end."""
    at, image, first_block = span.at + span.blocks, span.image, span.first_block + span.blocks
    if first_block == blocks_per_image:
        image, first_block = image + 1, 0
    return Span(image, first_block, min(blocks - at, blocks_per_image - first_block), at)


@helper
def load_group(
    masks: Words, start: int, blocks: int, blocks_per_image: int, shape: JobShape, group: BlockGroup
) -> None:
    """Fill a group with ``blocks`` blocks from number ``start`` on, counted through all images, and clear its sums."""
    size = shape.position_block
    bits, positions, reads = group.bits, group.positions, group.reads
    full_reads = -(-size * shape.chunk_bits // shape.patch_bits)
    span = first_span(start, blocks, blocks_per_image)
    while span.blocks > 0:
        _load_span(masks, span, shape, bits)
        loaded = span.at + span.blocks
        positions[span.at : loaded] = size
        reads[span.at : loaded] = full_reads
        if span.first_block + span.blocks == blocks_per_image:  # the last block of a layer may be short
            positions[loaded - 1] = masks.shape[1] - (blocks_per_image - 1) * size
            reads[loaded - 1] = -(-positions[loaded - 1] * shape.chunk_bits // shape.patch_bits)
        span = next_span(span, blocks, blocks_per_image)
    group.sums[:] = 0


@helper
def _load_span(masks: Words, span: Span, shape: JobShape, bits: Words) -> None:
    """Move the tile's rows of some blocks to bit 0 of ``bits``."""
    size, words, at = shape.position_block, shape.words, span.at
    first_word, shift = shape.first_row >> 6, np.uint64(shape.first_row & 63)
    whole = min(span.blocks, masks.shape[1] // size - span.first_block)
    for word in range(words):
        source = masks[span.image, :, first_word + word]
        # Two positions at a time: for one, the compiler makes gathers, which are slow.
        for position in range(0, size - 1, 2):
            for block in range(whole):
                first = (span.first_block + block) * size + position
                bits[position, word, at + block] = source[first] >> shift
                bits[position + 1, word, at + block] = source[first + 1] >> shift
        for block in range(whole * (size & 1)):
            first = (span.first_block + block) * size + size - 1
            bits[size - 1, word, at + block] = source[first] >> shift
        for block in range(whole, span.blocks):  # the last block of a layer may be short
            for position in range(size):
                first = (span.first_block + block) * size + position
                there = source[first] >> shift if first < masks.shape[1] else ZERO
                bits[position, word, at + block] = there
    if shift != ZERO:
        _add_bits_of_next_words(masks, span, shape, bits)
    last = ALL_BITS >> np.uint64(-shape.rows & 63)
    for position in range(size):
        for block in range(at, at + span.blocks):
            bits[position, words - 1, block] &= last


@helper
def _add_bits_of_next_words(masks: Words, span: Span, shape: JobShape, bits: Words) -> None:
    """Add to each word its upper bits, which are in the word after it where the tile begins within a word."""
    size, first_word, at = shape.position_block, shape.first_row >> 6, span.at
    shift = np.uint64(shape.first_row & 63)
    for word in range(min(shape.words, masks.shape[2] - first_word - 1)):
        for position in range(size):
            for block in range(span.blocks):
                first = (span.first_block + block) * size + position
                if first < masks.shape[1]:
                    high = masks[span.image, first, first_word + word + 1]
                    bits[position, word, at + block] |= high << (np.uint64(64) - shift)


@inlined
def add_pass(
    sums: Ints, block: int, latency: int, reads: int, positions: int, issue: int, weight_time: int
) -> int:
    """Add one pass of a block's job to ``sums``; return its cycles per chunk."""
    base = max(reads, weight_time)
    cycles = max(base, latency)
    sums[JOB.issue, block] += issue
    sums[JOB.port_stall, block] += base - issue
    sums[JOB.bubble, block] += cycles - base
    sums[JOB.operand_reads, block] += reads
    sums[JOB.positions_served, block] += positions
    return cycles
