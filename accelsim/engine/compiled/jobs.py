"""Section 4 of ``docs/machine.md``, compiled: the precise jobs of a tile, straight from packed masks.

Every word of the masks is read once. How many rows each VPU has to work on is counted for all VPUs of a word at once;
where a weight chunk takes several accesses and is held, it also matters which positions share a row, and jobs are
made row by row (`_ranked_job`).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from accelsim.engine.compiled.jit import compiled, inlined, lowest_bit, popcount
from accelsim.engine.compiled.shape import JobShape
from accelsim.mapping.passes import Ints

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

_ZERO: Final = np.uint64(0)
_ONE: Final = np.uint64(1)
_ALL: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
_BYTES: Final = np.uint64(0x0101010101010101)
_PAIRS: Final = np.uint64(0x5555555555555555)
_NIBBLES: Final = np.uint64(0x3333333333333333)
_HALVES: Final = np.uint64(0x0F0F0F0F0F0F0F0F)
_BYTE: Final = np.uint64(0xFF)
_TOP: Final = np.uint64(0x8080808080808080)


@inlined
def _load(masks: Words, image: int, source: int, shape: JobShape, bits: Words, position: int) -> int:
    """Move the tile's bits of position ``source`` of an image to bit 0 of ``bits[position]``; how many are set."""
    rows = shape.rows
    shift = np.uint64(shape.first_row & 63)
    at = shape.first_row >> 6
    words = (rows + 63) >> 6
    count = 0
    for word in range(words):
        value = masks[image, source, at + word] >> shift
        if shift != _ZERO and at + word + 1 < masks.shape[2]:
            value |= masks[image, source, at + word + 1] << (np.uint64(64) - shift)
        if word == words - 1 and rows & 63:
            value &= (_ONE << np.uint64(rows & 63)) - _ONE
        bits[position, word] = value
        count += popcount(value)
    return count


@inlined
def _piece(bits: Words, position: int, first: int, length: int) -> np.uint64:
    """``length`` (1 to 64) bits from number ``first`` on; rows of ``bits`` end with a word of zeros."""
    shift = np.uint64(first & 63)
    value = bits[position, first >> 6] >> shift
    if shift != _ZERO:
        value |= bits[position, (first >> 6) + 1] << (np.uint64(64) - shift)
    return np.uint64(value & (_ALL >> np.uint64(64 - length)))


@inlined
def _lines(bits: Words, position: int, rows: int, words_per_line: int, first_of_line: np.uint64) -> int:
    """Output lines of ``words_per_line`` consecutive rows that hold a set bit.

    ``first_of_line``: the first bit of every line in a word, if lines divide a word; else 0.
    """
    lines = 0
    if first_of_line != _ZERO:
        for word in range((rows + 63) >> 6):
            value = bits[position, word]  # the first bit of a line gathers the others
            if words_per_line > 1:
                value |= value >> _ONE
            if words_per_line > 2:
                value |= value >> np.uint64(2)
            reach = 4
            while reach < words_per_line:
                value |= value >> np.uint64(reach)
                reach *= 2
            lines += popcount(value & first_of_line)
        return lines
    for line in range(0, rows, words_per_line):
        end = min(line + words_per_line, rows)
        for first in range(line, end, 64):
            if _piece(bits, position, first, min(64, end - first)) != _ZERO:
                lines += 1
                break
    return lines


@inlined
def _tally_piece(value: np.uint64, unit: int, tallies: Words, at: int) -> None:
    """Add bit b of a piece, the bits of a unit added up, to byte b // 8 of word at + b % 8 // unit."""
    if unit == 1:
        for plane in range(8):
            tallies[at + plane] += (value >> np.uint64(plane)) & _BYTES
        return
    value -= (value >> _ONE) & _PAIRS
    if unit == 2:
        for plane in range(4):
            tallies[at + plane] += (value >> np.uint64(2 * plane)) & (_BYTES * np.uint64(3))
        return
    value = (value & _NIBBLES) + ((value >> np.uint64(2)) & _NIBBLES)
    if unit == 4:
        tallies[at] += value & _HALVES
        tallies[at + 1] += (value >> np.uint64(4)) & _HALVES
        return
    tallies[at] += (value + (value >> np.uint64(4))) & _HALVES


@inlined
def _tally(bits: Words, position: int, shape: JobShape, tallies: Words) -> None:
    """Add a position's rows to ``tallies``, whose bytes count the rows of one VPU each.

    A period begins at a byte: several short ones share a word, at ``stride`` bits from each other.
    """
    unit = shape.rows_per_unit
    period = shape.owners * unit
    stride = (period + 7) // 8 * 8
    if stride == period and 64 % period == 0:
        for word in range((shape.rows + 63) >> 6):
            _tally_piece(bits[position, word], unit, tallies, 0)
        return
    if stride > 64:
        for start in range(0, shape.rows, period):
            at = 0
            for first in range(start, min(start + period, shape.rows), 64):
                value = _piece(bits, position, first, min(64, start + period - first))
                _tally_piece(value, unit, tallies, at)
                at += 8 // unit
        return
    value, filled = _ZERO, 0
    for start in range(0, shape.rows, period):
        value |= _piece(bits, position, start, period) << np.uint64(filled)
        filled += stride
        if filled + stride > 64:
            _tally_piece(value, unit, tallies, 0)
            value, filled = _ZERO, 0
    _tally_piece(value, unit, tallies, 0)


@inlined
def _pack(tallies: Words, shape: JobShape, counts: Words, at: int) -> None:
    """Set ``counts[at]`` to the rows of each VPU, a byte each, and clear ``tallies``."""
    stride = (shape.owners * shape.rows_per_unit + 7) // 8 * 8
    if stride >= 64:
        for word in range(counts.shape[1]):
            counts[at, word] = tallies[word]
            tallies[word] = _ZERO
        return
    mine = (_ONE << np.uint64(stride)) - _ONE
    word, filled, packed = 0, 0, _ZERO
    for plane in range(8 // shape.rows_per_unit):
        tally = tallies[plane]
        tallies[plane] = _ZERO
        folded = tally
        for shift in range(stride, 64, stride):
            folded += tally >> np.uint64(shift)
        packed |= (folded & mine) << np.uint64(filled)
        filled += stride
        if filled + stride > 64:
            counts[at, word] = packed
            word, filled, packed = word + 1, 0, _ZERO
    if filled > 0:
        counts[at, word] = packed


@inlined
def _at_least(one: np.uint64, other: np.uint64) -> np.uint64:
    """All ones in the bytes where ``one`` is not below ``other``; bytes are below 128."""
    return ((((one | _TOP) - other) & _TOP) >> np.uint64(7)) * _BYTE


@inlined
def _largest(counts: Words, at: int) -> int:
    """The largest byte of ``counts[at]``."""
    largest = _ZERO
    for word in range(counts.shape[1]):
        value = counts[at, word]
        above = _at_least(value, largest)
        largest = (value & above) | (largest & ~above)
    for half in (32, 16, 8):
        other = largest >> np.uint64(half)
        above = _at_least(other, largest)
        largest = (other & above) | (largest & ~above)
    return np.int64(largest & _BYTE)  # type: ignore[return-value]


@inlined
def _add_pass(
    totals: Ints, image: int, shape: JobShape, reads: int, positions: int, issue: int, weight_time: int
) -> int:
    """Enter one pass into ``total``; the cycles that each of its chunks takes."""
    base = max(reads, weight_time)
    cycles = max(base, shape.accumulate_latency_cycles)
    totals[image, _ISSUE] += issue
    totals[image, _PORT_STALL] += base - issue
    totals[image, _BUBBLE] += cycles - base
    totals[image, _READS] += reads
    totals[image, _SERVED] += positions
    return cycles


@compiled
def _held_rows_of_passes(
    bits: Words,
    positions: range,
    shape: JobShape,
    owner_of: Ints,
    pass_of_rank: Ints,
    reached: Words,
    rank: Ints,
) -> int:
    """As `_held_rows`, over all passes of a job. Scratch, all zero before and after: ``reached`` (pass, word), ``rank``."""
    words = (shape.rows + 63) >> 6
    for position in positions:
        last, met = 0, 0  # kept out of `rank` as long as the VPU stays the same
        for word in range(words):
            rest = bits[position, word]
            while rest != _ZERO:
                owner = owner_of[64 * word + lowest_bit(rest)]
                if owner != last:
                    rank[0, last] = met
                    last, met = owner, rank[0, owner]
                reached[pass_of_rank[met], word] |= rest & (~rest + _ONE)
                rest &= rest - _ONE
                met += 1
        rank[0] = 0
    rows = 0
    for number in range(reached.shape[0]):
        for word in range(words):
            rows += popcount(reached[number, word])
            reached[number, word] = _ZERO
    return rows


@inlined
def _counted_job(
    bits: Words,
    positions: int,
    shape: JobShape,
    reads: int,
    tallies: Words,
    counts: Words,
    totals: Ints,
    image: int,
) -> tuple[int, int]:
    """Cycles per chunk of a block's job, from how many rows each VPU has; and its passes.

    For a machine that reads a weight chunk for every step, or that holds it and reads it in one access: then
    Q(v) is W(v), but for a factor. ``counts``: bytes, (position, VPU), and one row more to add them up in.
    """
    lanes = min(shape.lanes, positions)
    accesses = 1 if shape.hold_weights else shape.weight_accesses
    issue = 0
    if shape.most_rows <= shape.rows_per_pass:
        for lane in range(lanes):
            for position in range(lane, positions, shape.lanes):
                _tally(bits, position, shape, tallies)
            _pack(tallies, shape, counts, lane)
            issue = max(issue, _largest(counts, lane))
        return _add_pass(totals, image, shape, reads, positions, issue, issue * accesses), 1
    for position in range(positions):
        _tally(bits, position, shape, tallies)
        _pack(tallies, shape, counts, position)
    sum_row = counts.shape[0] - 1
    in_pass = _BYTES * np.uint64(shape.rows_per_pass)
    cycles, passes = 0, 0
    while True:
        issue = 0
        for lane in range(lanes):
            for word in range(counts.shape[1]):
                steps = _ZERO
                for position in range(lane, positions, shape.lanes):
                    left = counts[position, word]
                    full = _at_least(left, in_pass)
                    now = (in_pass & full) | (left & ~full)
                    counts[position, word] = left - now
                    steps += now
                counts[sum_row, word] = steps
            issue = max(issue, _largest(counts, sum_row))
        if issue == 0:
            return cycles, passes
        cycles += _add_pass(totals, image, shape, reads, positions, issue, issue * accesses)
        passes += 1


@inlined
def _held_rows(bits: Words, positions: range, shape: JobShape) -> int:
    """Rows that any position works on: what the VPUs of a lane fetch in a job of one pass if they hold weights."""
    rows = 0
    for word in range((shape.rows + 63) >> 6):
        anyone = _ZERO
        for position in positions:
            anyone |= bits[position, word]
        rows += popcount(anyone)
    return rows


@compiled
def _ranked_job(
    bits: Words,
    positions: int,
    shape: JobShape,
    reads: int,
    owner_of: Ints,
    pass_of_rank: Ints,
    rank: Ints,
    uses: Ints,
    steps: Ints,
    weight_time: Ints,
    totals: Ints,
    image: int,
) -> int:
    """Cycles per chunk of a block's job on any machine, row by row in ascending order.

    Scratch, all zero before and after: ``rank`` (position, VPU): rows met so far; ``uses`` (lane, pass): c(v, r) of the
    present row; ``steps``, ``weight_time`` (pass, lane, VPU): W(v), Q(v).
    """
    lanes, passes = shape.lanes, 0
    for word in range((shape.rows + 63) >> 6):
        anyone = _ZERO
        for position in range(positions):
            anyone |= bits[position, word]
        while anyone != _ZERO:
            bit = anyone & (~anyone + _ONE)
            owner = owner_of[64 * word + lowest_bit(anyone)]
            anyone ^= bit
            for lane in range(min(lanes, positions)):
                for position in range(lane, positions, lanes):
                    if bits[position, word] & bit:
                        number = pass_of_rank[rank[position, owner]]
                        uses[lane, number] += 1
                        passes = max(passes, number + 1)
                for position in range(lane, positions, lanes):
                    if bits[position, word] & bit:
                        number = pass_of_rank[rank[position, owner]]
                        rank[position, owner] += 1
                        used = uses[lane, number]
                        if used > 0:  # else an earlier position of this pass has entered it
                            totals[image, _FETCHES] += shape.hold_weights
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
        cycles += _add_pass(totals, image, shape, reads, positions, issue, longest)
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
    block, lanes, owners = shape.position_block, shape.lanes, shape.owners
    unit, words = shape.rows_per_unit, (shape.rows + 63) // 64
    first_of_line = _ZERO
    if shape.words_per_line < 64 and 64 % shape.words_per_line == 0:
        first_of_line = _ALL // ((_ONE << np.uint64(shape.words_per_line)) - _ONE)
    pass_of_rank = np.arange(shape.most_rows) // shape.rows_per_pass
    passes = pass_of_rank[-1] + 1
    together = -(-block // lanes) * min(shape.most_rows, shape.rows_per_pass)
    countable = (
        unit in (1, 2, 4, 8)
        and max(shape.most_rows, together) < 128
        and not (shape.hold_weights and shape.weight_accesses > 1)
    )

    bits = np.zeros((block, words + 1), np.uint64)
    tally_words = (owners * unit + 63) // 64 * max(8 // unit, 1)
    tallies = np.zeros(tally_words, np.uint64)
    count_words = tally_words
    if countable and owners * unit <= 56:  # `_pack` puts several planes into a word
        count_words = -(-(8 // unit) // (64 // (-(-owners * unit // 8) * 8)))
    counts = np.zeros((block + 1, count_words), np.uint64)
    reached = np.zeros((passes, words), np.uint64)
    rank = np.zeros((block, owners), np.int64)
    uses = np.zeros((lanes, passes), np.int64)
    steps = np.zeros((passes, lanes, owners), np.int64)
    weight_time = np.zeros((passes, lanes, owners), np.int64)

    positions = masks.shape[1]
    for image in range(masks.shape[0]):
        for number in range(precise.shape[1]):
            first = number * block
            here = min(block, positions - first)
            essential, lines = 0, 0
            for position in range(here):
                essential += _load(masks, image, first + position, shape, bits, position)
                lines += _lines(bits, position, shape.rows, shape.words_per_line, first_of_line)
            cycles = 0
            if essential:
                reads = -(-here * shape.chunk_bits // shape.patch_bits)
                if countable:
                    cycles, used = _counted_job(bits, here, shape, reads, tallies, counts, totals, image)
                    for lane in range(lanes if shape.hold_weights else 0):
                        mine = range(lane, here, lanes)
                        totals[image, _FETCHES] += (
                            _held_rows(bits, mine, shape)
                            if used == 1
                            else _held_rows_of_passes(
                                bits, mine, shape, owner_of, pass_of_rank, reached, rank
                            )
                        )
                else:
                    cycles = _ranked_job(
                        bits,
                        here,
                        shape,
                        reads,
                        owner_of,
                        pass_of_rank,
                        rank,
                        uses,
                        steps,
                        weight_time,
                        totals,
                        image,
                    )
                if not shape.hold_weights:
                    totals[image, _FETCHES] += essential
            precise[image, number] = cycles * shape.chunks
            write[image, number] = -(-lines // shape.banks)
            totals[image, _ESSENTIAL] += essential
            totals[image, _LINES] += lines
            totals[image, _WRITE] += write[image, number]
