"""Section 4 of ``docs/machine.md``, compiled: the precise jobs of a tile, straight from packed masks.

How many rows each VPU has to work on is counted for all VPUs of a word at once; where a weight chunk takes several
accesses and is held, it also matters which positions share a row, and jobs are made row by row (`_ranked_job`).

All of it is in one file because numba, when it looks for compiled code on disk, checks this file alone (``jit.py``).

Many blocks go through each step together, as the last axis of all arrays: such loops become vector instructions.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from accelsim.engine.compiled.jit import compiled, inlined, lowest_bit, popcount
from accelsim.engine.compiled.job_shape import JobShape
from accelsim.mapping.mvu_job import Ints

Words = NDArray[np.uint64]

SUMS = (
    "essential_neurons",
    "issue",
    "port_stall",
    "bubble",
    "weight_fetches",
    "operand_reads",
    "positions_served",
    "lines",
    "write_cycles",
)
"""What `tile_jobs` adds up; those from ``issue`` to ``positions_served`` are sums over passes, for one chunk."""
_ESSENTIAL, _ISSUE, _PORT_STALL, _BUBBLE, _FETCHES, _READS, _SERVED, _LINES, _WRITE = range(len(SUMS))

CHUNK: Final = 128
"""Blocks that go through a step together; what they need stays in the cache."""

_ZERO: Final = np.uint64(0)
_ONE: Final = np.uint64(1)
_ALL: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
_BYTES: Final = np.uint64(0x0101010101010101)
_PAIRS: Final = np.uint64(0x5555555555555555)
_NIBBLES: Final = np.uint64(0x3333333333333333)
_HALVES: Final = np.uint64(0x0F0F0F0F0F0F0F0F)
_BYTE: Final = np.uint64(0xFF)
_TOP: Final = np.uint64(0x8080808080808080)


@compiled
def _load(masks: Words, image: int, number: int, count: int, shape: JobShape, bits: Words, at: int) -> None:
    """Move the tile's rows of blocks ``number .. number + count - 1`` of an image to bit 0 of ``bits[..., at:]``."""
    size, words, first_word = shape.position_block, (shape.rows + 63) >> 6, shape.first_row >> 6
    shift = np.uint64(shape.first_row & 63)
    whole = min(count, masks.shape[1] // size - number)
    for word in range(words):
        source = masks[image, :, first_word + word]
        # Two positions at a time: for one, the compiler makes gathers, which are slow.
        for position in range(0, size - 1, 2):
            for block in range(whole):
                first = (number + block) * size + position
                bits[position, word, at + block] = source[first] >> shift
                bits[position + 1, word, at + block] = source[first + 1] >> shift
        for block in range(whole * (size & 1)):
            bits[size - 1, word, at + block] = source[(number + block) * size + size - 1] >> shift
        for block in range(whole, count):  # the last one of a layer may be short
            for position in range(size):
                first = (number + block) * size + position
                there = source[first] >> shift if first < masks.shape[1] else _ZERO
                bits[position, word, at + block] = there
    if shift != _ZERO:
        for word in range(min(words, masks.shape[2] - first_word - 1)):
            for position in range(size):
                for block in range(count):
                    first = (number + block) * size + position
                    if first < masks.shape[1]:
                        high = masks[image, first, first_word + word + 1]
                        bits[position, word, at + block] |= high << (np.uint64(64) - shift)
    last = _ALL >> np.uint64(-shape.rows & 63)
    for position in range(size):
        for block in range(at, at + count):
            bits[position, words - 1, block] &= last


@inlined
def _piece(low: np.uint64, high: np.uint64, first: int, length: int) -> np.uint64:
    """``length`` (1 to 64) bits of two words, from number ``first`` (0 to 63) on."""
    value = (low >> np.uint64(first)) | ((high << _ONE) << np.uint64(63 - first))
    return np.uint64(value & (_ALL >> np.uint64(64 - length)))


@compiled
def _count_lines(
    bits: Words, position: int, shape: JobShape, blocks: int, scratch: Words, lines: Ints
) -> None:
    """Add to ``lines`` the output lines, of ``words_per_line`` consecutive rows, that hold a set bit."""
    width = shape.words_per_line
    if width < 64 and 64 % width == 0:
        first_of_line = _ALL // ((_ONE << np.uint64(width)) - _ONE)
        for word in range((shape.rows + 63) >> 6):
            for block in range(blocks):
                scratch[block] = bits[position, word, block]
            reach = 1
            while reach < width:  # the first bit of a line gathers the others
                for block in range(blocks):
                    scratch[block] |= scratch[block] >> np.uint64(reach)
                reach *= 2
            for block in range(blocks):
                lines[block] += popcount(scratch[block] & first_of_line)
        return
    for line in range(0, shape.rows, width):
        end = min(line + width, shape.rows)
        scratch[:blocks] = _ZERO
        for first in range(line, end, 64):
            low, length = first >> 6, min(64, end - first)
            for block in range(blocks):
                scratch[block] |= _piece(
                    bits[position, low, block], bits[position, low + 1, block], first & 63, length
                )
        for block in range(blocks):
            lines[block] += np.int64(scratch[block] != _ZERO)


@compiled
def _tally_piece(pieces: Words, blocks: int, unit: int, tallies: Words, at: int) -> None:
    """Add bit b of a piece, the bits of a unit added up, to byte b // 8 of word at + b % 8 // unit."""
    if unit < 4:
        field = _BYTES * np.uint64(2 * unit - 1)
        for plane in range(8 // unit):
            shift = np.uint64(unit * plane)
            for block in range(blocks):
                value = pieces[block]
                if unit == 2:
                    value -= (value >> _ONE) & _PAIRS
                tallies[at + plane, block] += (value >> shift) & field
        return
    for block in range(blocks):
        value = pieces[block]
        value -= (value >> _ONE) & _PAIRS
        value = (value & _NIBBLES) + ((value >> np.uint64(2)) & _NIBBLES)
        if unit == 4:
            tallies[at, block] += value & _HALVES
            tallies[at + 1, block] += (value >> np.uint64(4)) & _HALVES
        else:
            tallies[at, block] += (value + (value >> np.uint64(4))) & _HALVES


@compiled
def _tally(bits: Words, position: int, shape: JobShape, blocks: int, scratch: Words, tallies: Words) -> None:
    """Add a position's rows to ``tallies``, whose bytes count the rows of one VPU each.

    Rows that are ``owners * rows_per_unit`` (a period) apart belong to the same VPU. A period begins at a byte: several
    short ones share a word, at ``stride`` bits from each other.
    """
    unit = shape.rows_per_unit
    period = shape.owners * unit
    stride = (period + 7) // 8 * 8
    if stride == period and 64 % period == 0:
        for word in range((shape.rows + 63) >> 6):
            _tally_piece(bits[position, word], blocks, unit, tallies, 0)
        return
    scratch[:blocks] = _ZERO
    filled, at = 0, 0
    for start in range(0, shape.rows, period):
        for first in range(start, min(start + period, shape.rows), 64):
            low, length = first >> 6, min(64, start + period - first)
            for block in range(blocks):
                piece = _piece(bits[position, low, block], bits[position, low + 1, block], first & 63, length)
                scratch[block] |= piece << np.uint64(filled)
            filled += stride
            if filled + stride > 64:
                _tally_piece(scratch, blocks, unit, tallies, at)
                scratch[:blocks] = _ZERO
                filled = 0
            if stride > 64:
                at += 8 // unit
        at = 0
    _tally_piece(scratch, blocks, unit, tallies, at)


@compiled
def _pack(tallies: Words, shape: JobShape, blocks: int, counts: Words, at: int) -> None:
    """Set ``counts[at]`` to the rows of each VPU, a byte each, and clear ``tallies``."""
    stride = (shape.owners * shape.rows_per_unit + 7) // 8 * 8
    if stride >= 64:
        for word in range(counts.shape[1]):
            for block in range(blocks):
                counts[at, word, block] = tallies[word, block]
        tallies[:] = _ZERO
        return
    mine = (_ONE << np.uint64(stride)) - _ONE
    counts[at] = _ZERO
    word, filled = 0, 0
    for plane in range(8 // shape.rows_per_unit):
        for shift in range(0, 64 - stride + 1, stride):  # the periods of a word
            for block in range(blocks):
                counts[at, word, block] += ((tallies[plane, block] >> np.uint64(shift)) & mine) << np.uint64(
                    filled
                )
        filled += stride
        if filled + stride > 64:
            word, filled = word + 1, 0
    tallies[:] = _ZERO


@inlined
def _at_least(one: np.uint64, other: np.uint64) -> np.uint64:
    """All ones in the bytes where ``one`` is not below ``other``; bytes are below 128."""
    not_below = ((one | _TOP) - other) & _TOP
    return (not_below << _ONE) - (not_below >> np.uint64(7))


@compiled
def _largest(counts: Words, at: int, blocks: int, largest: Ints) -> None:
    """Raise ``largest`` to the largest byte of ``counts[at]``."""
    for word in range(1, counts.shape[1]):
        for block in range(blocks):
            one, other = counts[at, word, block], counts[at, 0, block]
            above = _at_least(one, other)
            counts[at, 0, block] = (one & above) | (other & ~above)
    for block in range(blocks):
        one = counts[at, 0, block]
        for half in (32, 16, 8):
            other = one >> np.uint64(half)
            above = _at_least(one, other)
            one = (one & above) | (other & ~above)
        largest[block] = max(largest[block], np.int64(one & _BYTE))


@inlined
def _add_pass(
    sums: Ints, block: int, latency: int, reads: int, positions: int, issue: int, weight_time: int
) -> int:
    """Enter one pass of a block into ``sums``; the cycles that each of its chunks takes."""
    base = max(reads, weight_time)
    cycles = max(base, latency)
    sums[_ISSUE, block] += issue
    sums[_PORT_STALL, block] += base - issue
    sums[_BUBBLE, block] += cycles - base
    sums[_READS, block] += reads
    sums[_SERVED, block] += positions
    return cycles


@compiled
def _end_pass(
    issue: Ints,
    shape: JobShape,
    blocks: int,
    reads: Ints,
    positions: Ints,
    sums: Ints,
    cycles: Ints,
    passes: Ints,
) -> bool:
    """Enter the pass of all blocks that have one, and clear ``issue``; whether there was any."""
    accesses = 1 if shape.hold_weights else shape.weight_accesses
    most = 0
    for block in range(blocks):
        steps = issue[block]
        there = -int(steps > 0)  # all ones or none: without branches this becomes vector instructions
        cycles[block] += _add_pass(
            sums,
            block,
            there & shape.accumulate_latency_cycles,
            there & reads[block],
            there & positions[block],
            steps,
            steps * accesses,
        )
        passes[block] -= there
        most = max(most, steps)
        issue[block] = 0
    return most > 0


@compiled
def _counted_jobs(
    bits: Words,
    shape: JobShape,
    blocks: int,
    reads: Ints,
    positions: Ints,
    scratch: Words,
    tallies: Words,
    counts: Words,
    sums: Ints,
    cycles: Ints,
    passes: Ints,
) -> None:
    """Set cycles per chunk and passes of the blocks' jobs, from how many rows each VPU has.

    For a machine that reads a weight chunk for every step, or that holds it and reads it in one access: then
    Q(v) is W(v), but for a factor. ``counts``: bytes, (position, VPU), and one row more to add them up in.
    """
    block_positions, lanes = shape.position_block, shape.lanes
    issue = np.zeros(blocks, np.int64)
    cycles[:blocks] = 0
    passes[:blocks] = 0
    if shape.most_rows <= shape.rows_per_pass:
        for lane in range(lanes):
            for position in range(lane, block_positions, lanes):
                _tally(bits, position, shape, blocks, scratch, tallies)
            _pack(tallies, shape, blocks, counts, lane)
            _largest(counts, lane, blocks, issue)
        _end_pass(issue, shape, blocks, reads, positions, sums, cycles, passes)
        return
    for position in range(block_positions):
        _tally(bits, position, shape, blocks, scratch, tallies)
        _pack(tallies, shape, blocks, counts, position)
    sum_row = block_positions
    in_pass = _BYTES * np.uint64(shape.rows_per_pass)
    while True:
        for lane in range(lanes):
            counts[sum_row] = _ZERO
            for position in range(lane, block_positions, lanes):
                for word in range(counts.shape[1]):
                    for block in range(blocks):
                        left = counts[position, word, block]
                        full = _at_least(left, in_pass)
                        now = (in_pass & full) | (left & ~full)
                        counts[position, word, block] = left - now
                        counts[sum_row, word, block] += now
            _largest(counts, sum_row, blocks, issue)
        if not _end_pass(issue, shape, blocks, reads, positions, sums, cycles, passes):
            return


@compiled
def _count_held_rows(bits: Words, shape: JobShape, blocks: int, scratch: Words, rows: Ints) -> None:
    """Add to ``rows`` those that any position works on: what VPUs that hold weights fetch in a job of one pass."""
    for lane in range(shape.lanes):
        for word in range((shape.rows + 63) >> 6):
            scratch[:blocks] = _ZERO
            for position in range(lane, shape.position_block, shape.lanes):
                for block in range(blocks):
                    scratch[block] |= bits[position, word, block]
            for block in range(blocks):
                rows[block] += popcount(scratch[block])


@compiled
def _count_held_rows_of_passes(
    bits: Words,
    shape: JobShape,
    blocks: int,
    passes: int,
    scratch: Words,
    value: Words,
    taken: Words,
    below: Words,
    ranks: Words,
    rows: Ints,
) -> None:
    """As `_count_held_rows`, pass by pass, where some job has several.

    Scratch: ``value``, ``taken``: a piece of a position, and its rows up to the present pass; ``below`` (position, piece):
    those up to the pass before; ``ranks``: bytes, (position, VPU), as in `_tally`: rows met so far.
    """
    unit, lanes = shape.rows_per_unit, shape.lanes
    period = shape.owners * unit
    below[:] = _ZERO
    for number in range(passes):
        limit = _BYTES * np.uint64(min((number + 1) * shape.rows_per_pass, 127))
        ranks[:] = _ZERO
        for lane in range(lanes):
            piece = 0
            for start in range(0, shape.rows, period):
                at = 0
                for first in range(start, min(start + period, shape.rows), 64):
                    low, length = first >> 6, min(64, start + period - first)
                    scratch[:blocks] = _ZERO
                    for position in range(lane, shape.position_block, lanes):
                        for block in range(blocks):
                            value[block] = _piece(
                                bits[position, low, block], bits[position, low + 1, block], first & 63, length
                            )
                            taken[block] = value[block]
                        if number < passes - 1:  # else whatever is left is in this pass
                            taken[:blocks] = _ZERO
                            for bit in range(8):
                                shift, plane = np.uint64(bit), at + bit // unit
                                for block in range(blocks):
                                    met = ranks[position, plane, block]
                                    here = (value[block] >> shift) & _BYTES
                                    taken[block] |= (here & ~_at_least(met, limit)) << shift
                                    ranks[position, plane, block] = met + here
                        for block in range(blocks):
                            scratch[block] |= taken[block] & ~below[position, piece, block]
                            below[position, piece, block] = taken[block]
                    for block in range(blocks):
                        rows[block] += popcount(scratch[block])
                    piece += 1
                    at += 8 // unit


@compiled
def _ranked_job(
    bits: Words,
    block: int,
    positions: int,
    shape: JobShape,
    reads: int,
    owner_of: Ints,
    pass_of_rank: Ints,
    rank: Ints,
    uses: Ints,
    steps: Ints,
    weight_time: Ints,
    sums: Ints,
) -> int:
    """Cycles per chunk of a block's job on any machine, row by row in ascending order.

    Scratch, all zero before and after: ``rank`` (position, VPU): rows met so far; ``uses`` (lane, pass): c(v, r) of the
    present row; ``steps``, ``weight_time`` (pass, lane, VPU): W(v), Q(v).
    """
    lanes, passes = shape.lanes, 0
    for word in range((shape.rows + 63) >> 6):
        anyone = _ZERO
        for position in range(positions):
            anyone |= bits[position, word, block]
        while anyone != _ZERO:
            bit = anyone & (~anyone + _ONE)
            owner = owner_of[64 * word + lowest_bit(anyone)]
            anyone ^= bit
            for lane in range(min(lanes, positions)):
                for position in range(lane, positions, lanes):
                    if bits[position, word, block] & bit:
                        number = pass_of_rank[rank[position, owner]]
                        uses[lane, number] += 1
                        passes = max(passes, number + 1)
                for position in range(lane, positions, lanes):
                    if bits[position, word, block] & bit:
                        number = pass_of_rank[rank[position, owner]]
                        rank[position, owner] += 1
                        used = uses[lane, number]
                        if used > 0:  # else an earlier position of this pass has entered it
                            sums[_FETCHES, block] += shape.hold_weights
                            steps[number, lane, owner] += used
                            weight_time[number, lane, owner] += max(used, shape.weight_accesses)
                            uses[lane, number] = 0
    rank[:] = 0
    cycles = 0
    for number in range(passes):
        issue, longest = 0, 0
        for lane in range(lanes):
            for owner in range(shape.owners):
                issue = max(issue, steps[number, lane, owner])
                longest = max(longest, weight_time[number, lane, owner])
        if not shape.hold_weights:
            longest = issue * shape.weight_accesses
        steps[number] = 0
        weight_time[number] = 0
        cycles += _add_pass(sums, block, shape.accumulate_latency_cycles, reads, positions, issue, longest)
    return cycles


@compiled
def tile_jobs(
    masks: Words,
    shape: JobShape,
    owner_of: Ints,
    precise: Ints,
    write: Ints,
    totals: Ints,
) -> None:
    """The precise jobs of all blocks of a tile, and their write-backs.

    masks: uint64 (images, positions, words), neuron i in bit i % 64 of word i // 64.
    owner_of: as made by `JobShape.owner_of_row`.
    precise, write: int64 (images, blocks), set to the service cycles of the jobs; 0 where there is none.
    totals: int64 (images, len(SUMS)), added to.
    """
    size, lanes, owners = shape.position_block, shape.lanes, shape.owners
    unit, words = shape.rows_per_unit, (shape.rows + 63) // 64
    pass_of_rank = np.arange(shape.most_rows) // shape.rows_per_pass
    most_passes = pass_of_rank[-1] + 1
    together = -(-size // lanes) * min(shape.most_rows, shape.rows_per_pass)
    countable = (
        unit in (1, 2, 4, 8)
        and max(shape.most_rows, together) < 128
        and not (shape.hold_weights and shape.weight_accesses > 1)
    )
    held_counts = countable and shape.hold_weights and most_passes > 1
    tally_words = (owners * unit + 63) // 64 * max(8 // unit, 1)
    count_words = tally_words
    if countable and owners * unit <= 56:  # `_pack` puts several planes into a word
        count_words = -(-(8 // unit) // (64 // (-(-owners * unit // 8) * 8)))

    bits = np.zeros((size, words + 1, CHUNK), np.uint64)
    scratch = np.zeros(CHUNK, np.uint64)
    tallies = np.zeros((tally_words, CHUNK), np.uint64)
    counts = np.zeros((size + 1, count_words, CHUNK), np.uint64)
    pieces = -(-shape.rows // (owners * unit)) * ((owners * unit + 63) // 64)
    value, taken = np.zeros((2, CHUNK), np.uint64)
    below = np.zeros((size, pieces if held_counts else 0, CHUNK), np.uint64)
    ranks = np.zeros((size, tally_words if held_counts else 0, CHUNK), np.uint64)
    rank = np.zeros((size, owners), np.int64)
    uses = np.zeros((lanes, most_passes), np.int64)
    steps = np.zeros((most_passes, lanes, owners), np.int64)
    weight_time = np.zeros((most_passes, lanes, owners), np.int64)
    sums = np.zeros((len(SUMS), CHUNK), np.int64)
    positions, reads = np.zeros((2, CHUNK), np.int64)
    cycles, passes = np.zeros((2, CHUNK), np.int64)

    full_reads = -(-size * shape.chunk_bits // shape.patch_bits)
    per_image = precise.shape[1]
    all_blocks = masks.shape[0] * per_image
    image, number = 0, 0  # of the next block to load
    for start in range(0, all_blocks, CHUNK):
        blocks = min(CHUNK, all_blocks - start)
        first_image, first_number = image, number
        loaded = 0
        while loaded < blocks:
            count = min(blocks - loaded, per_image - number)
            _load(masks, image, number, count, shape, bits, loaded)
            positions[loaded : loaded + count] = size
            reads[loaded : loaded + count] = full_reads
            loaded, number = loaded + count, number + count
            if number == per_image:
                positions[loaded - 1] = masks.shape[1] - (per_image - 1) * size
                reads[loaded - 1] = -(-positions[loaded - 1] * shape.chunk_bits // shape.patch_bits)
                image, number = image + 1, 0
        sums[:] = 0
        for position in range(size):
            for word in range(words):
                for block in range(blocks):
                    sums[_ESSENTIAL, block] += popcount(bits[position, word, block])
            _count_lines(bits, position, shape, blocks, scratch, sums[_LINES])
        if countable:
            _counted_jobs(
                bits, shape, blocks, reads, positions, scratch, tallies, counts, sums, cycles, passes
            )
            if shape.hold_weights:
                most = passes[:blocks].max()
                if most == 1:
                    _count_held_rows(bits, shape, blocks, scratch, sums[_FETCHES])
                elif most > 1:
                    _count_held_rows_of_passes(
                        bits, shape, blocks, most, scratch, value, taken, below, ranks, sums[_FETCHES]
                    )
        else:
            for block in range(blocks):
                cycles[block] = _ranked_job(
                    bits,
                    block,
                    positions[block],
                    shape,
                    reads[block],
                    owner_of,
                    pass_of_rank,
                    rank,
                    uses,
                    steps,
                    weight_time,
                    sums,
                )
        if not shape.hold_weights:
            sums[_FETCHES] = sums[_ESSENTIAL]
        sums[_WRITE] = sums[_LINES]
        if shape.banks > 1:
            for block in range(blocks):
                sums[_WRITE, block] = -(-sums[_LINES, block] // shape.banks)
        image, number = first_image, first_number
        entered = 0
        while entered < blocks:
            count = min(blocks - entered, per_image - number)
            for block in range(count):
                precise[image, number + block] = cycles[entered + block] * shape.chunks
                write[image, number + block] = sums[_WRITE, entered + block]
            for row in range(len(SUMS)):
                totals[image, row] += sums[row, entered : entered + count].sum()
            entered, number = entered + count, number + count
            if number == per_image:
                image, number = image + 1, 0
