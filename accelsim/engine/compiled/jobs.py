"""Section 4 of ``docs/machine.md``, compiled: the precise jobs of a tile, straight from packed masks.

Every word of the masks is read once. How many rows each VPU has to work on is counted for all VPUs of a word at once
where that suffices (`_counted_job`), and row by row otherwise (`_ranked_job`).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accelsim.engine.compiled.jit import compiled, lowest_bit, popcount
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


class JobShape(NamedTuple):
    """What the precise jobs of a tile depend on besides its masks. Names as in `Tile`, `Operand` and `Machine`.

    ``owners``: VPUs of a lane that own rows; ``most_rows``: most rows that one of them owns.
    """

    first_row: int
    rows: int
    rows_per_unit: int
    owners: int
    most_rows: int
    lanes: int
    position_block: int
    rows_per_pass: int
    chunks: int
    chunk_bits: int
    weight_accesses: int
    patch_bits: int
    hold_weights: int
    accumulate_latency_cycles: int
    words_per_line: int
    banks: int


@compiled
def _load(row: Words, first_row: int, rows: int, bits: Words) -> int:
    """Move bits first_row .. first_row + rows - 1 of a position to bit 0 of ``bits``; how many are set."""
    shift = np.uint64(first_row & 63)
    at = first_row >> 6
    words = (rows + 63) >> 6
    count = 0
    for word in range(words):
        value = row[at + word] >> shift
        if shift != _ZERO and at + word + 1 < row.shape[0]:
            value |= row[at + word + 1] << (np.uint64(64) - shift)
        if word == words - 1 and rows & 63:
            value &= (_ONE << np.uint64(rows & 63)) - _ONE
        bits[word] = value
        count += popcount(value)
    return count


@compiled
def _piece(bits: Words, first: int, length: int) -> np.uint64:
    """``length`` (1 to 64) bits from number ``first`` on; ``bits`` ends with a word of zeros."""
    shift = np.uint64(first & 63)
    value = bits[first >> 6] >> shift
    if shift != _ZERO:
        value |= bits[(first >> 6) + 1] << (np.uint64(64) - shift)
    return value & (_ALL >> np.uint64(64 - length))


@compiled
def _lines(bits: Words, rows: int, words_per_line: int) -> int:
    """Output lines of ``words_per_line`` consecutive rows that hold a set bit."""
    lines = 0
    if words_per_line < 64 and 64 % words_per_line == 0:
        first_of_line = _ALL // ((_ONE << np.uint64(words_per_line)) - _ONE)
        for word in range((rows + 63) >> 6):
            value = bits[word]
            reach = 1
            while reach < words_per_line:  # the first bit of a line gathers the others
                value |= value >> np.uint64(reach)
                reach *= 2
            lines += popcount(value & first_of_line)
        return lines
    for line in range(0, rows, words_per_line):
        end = min(line + words_per_line, rows)
        for first in range(line, end, 64):
            if _piece(bits, first, min(64, end - first)) != _ZERO:
                lines += 1
                break
    return lines


@compiled
def _tally(bits: Words, shape: JobShape, tallies: Words) -> None:
    """Add a position's rows to ``tallies``, whose bytes count the rows of one VPU each.

    Rows that are ``owners * rows_per_unit`` (a period) apart belong to the same VPU. Periods are taken from the
    masks in pieces of up to 64 bits, several short periods at once; bit b of a piece is counted in byte b // 8 of
    plane b % 8 // rows_per_unit, after the bits of a unit have been added up where they stand.
    """
    unit = shape.rows_per_unit
    period = shape.owners * unit
    piece_bits = 64 // period * period if period <= 64 else 64
    period = max(period, piece_bits)
    planes = 8 // unit
    field = _BYTES * np.uint64((1 << unit) - 1)
    for start in range(0, shape.rows, period):
        end = min(start + period, shape.rows)
        at = 0
        for first in range(start, end, piece_bits):
            value = _piece(bits, first, min(piece_bits, start + period - first))
            if unit > 1:
                value -= (value >> _ONE) & _PAIRS
            if unit > 2:
                value = (value & _NIBBLES) + ((value >> np.uint64(2)) & _NIBBLES)
            if unit > 4:
                value = (value + (value >> np.uint64(4))) & _HALVES
            for plane in range(planes):
                tallies[at + plane] += (value >> np.uint64(plane * unit)) & field
            at += planes


@compiled
def _gather(tallies: Words, shape: JobShape, counts: Ints) -> int:
    """Set ``counts`` to the rows of each VPU from the bytes of ``tallies``, clear these; the largest count."""
    unit = shape.rows_per_unit
    period = shape.owners * unit
    planes = 8 // unit
    bits = period
    if period <= 64:
        bits = 64 // period * period
        if period % 8 == 0:  # bytes of the same VPU are a period apart
            for plane in range(planes):
                value = tallies[plane]
                for shift in range(period, bits, period):
                    value += tallies[plane] >> np.uint64(shift)
                tallies[plane] = value
            bits = period
    counts[: shape.owners] = 0
    for number in range(bits // unit):
        bit = number * unit
        tally = tallies[(bit >> 6) * planes + (bit & 7) // unit]
        counts[number % shape.owners] += np.int64((tally >> np.uint64(bit & 56)) & _BYTE)
    tallies[:] = _ZERO
    most = 0
    for owner in range(shape.owners):
        most = max(most, counts[owner])
    return most


@compiled
def _add_pass(total: Ints, shape: JobShape, positions: int, issue: int, weight_time: int) -> int:
    """Enter one pass into ``total``; the cycles that each of its chunks takes."""
    reads = -(-positions * shape.chunk_bits // shape.patch_bits)
    base = max(reads, weight_time)
    cycles = max(base, shape.accumulate_latency_cycles)
    total[_ISSUE] += issue
    total[_PORT_STALL] += base - issue
    total[_BUBBLE] += cycles - base
    total[_READS] += reads
    total[_SERVED] += positions
    return cycles


@compiled
def _counted_job(
    bits: Words, positions: int, shape: JobShape, tallies: Words, counts: Ints, total: Ints
) -> int:
    """Cycles per chunk of a block's job, from the number of rows of each VPU alone; 0 if that is not enough."""
    in_pass = shape.rows_per_pass
    accesses = 1 if shape.hold_weights else shape.weight_accesses
    cycles = 0
    if shape.most_rows <= in_pass:
        issue = 0
        for lane in range(min(shape.lanes, positions)):
            for position in range(lane, positions, shape.lanes):
                _tally(bits[position], shape, tallies)
            issue = max(issue, _gather(tallies, shape, counts[lane]))
        cycles = _add_pass(total, shape, positions, issue, issue * accesses)
    else:
        most = 0
        for position in range(positions):
            _tally(bits[position], shape, tallies)
            most = max(most, _gather(tallies, shape, counts[position]))
        if most > in_pass and shape.hold_weights:
            return 0
        for done in range(0, most, in_pass):
            issue = 0
            for lane in range(min(shape.lanes, positions)):
                for owner in range(shape.owners):
                    steps = 0
                    for position in range(lane, positions, shape.lanes):
                        steps += min(max(counts[position, owner] - done, 0), in_pass)
                    issue = max(issue, steps)
            cycles += _add_pass(total, shape, positions, issue, issue * accesses)
    if shape.hold_weights:
        for lane in range(min(shape.lanes, positions)):
            for word in range((shape.rows + 63) >> 6):
                anyone = _ZERO
                for position in range(lane, positions, shape.lanes):
                    anyone |= bits[position, word]
                total[_FETCHES] += popcount(anyone)
    return cycles


@compiled
def _ranked_job(
    bits: Words,
    positions: int,
    shape: JobShape,
    rank: Ints,
    uses: Ints,
    steps: Ints,
    weight_time: Ints,
    total: Ints,
) -> int:
    """Cycles per chunk of a block's job, row by row in ascending order.

    Scratch, all zero before and after: ``rank`` (position, VPU): rows met so far; ``uses`` (lane, pass): c(v, r) of the
    present row; ``steps``, ``weight_time`` (pass, lane, VPU): W(v), Q(v).
    """
    passes = 0
    for word in range((shape.rows + 63) >> 6):
        anyone = _ZERO
        for position in range(positions):
            anyone |= bits[position, word]
        while anyone != _ZERO:
            place = lowest_bit(anyone)
            bit = _ONE << np.uint64(place)
            anyone &= ~bit
            owner = (64 * word + place) // shape.rows_per_unit % shape.owners
            for position in range(positions):
                if bits[position, word] & bit:
                    number = rank[position, owner] // shape.rows_per_pass
                    lane = position % shape.lanes
                    rank[position, owner] += 1
                    uses[lane, number] += 1
                    steps[number, lane, owner] += 1
                    passes = max(passes, number + 1)
            for position in range(positions):
                if bits[position, word] & bit:
                    number = (rank[position, owner] - 1) // shape.rows_per_pass
                    lane = position % shape.lanes
                    if shape.hold_weights and uses[lane, number] > 0:
                        total[_FETCHES] += 1
                        weight_time[number, lane, owner] += max(uses[lane, number], shape.weight_accesses)
                    uses[lane, number] = 0
    rank[:] = 0
    cycles = 0
    for number in range(passes):
        issue, longest = 0, 0
        for lane in range(shape.lanes):
            for owner in range(shape.owners):
                issue = max(issue, steps[number, lane, owner])
                longest = max(longest, weight_time[number, lane, owner])
                steps[number, lane, owner] = 0
                weight_time[number, lane, owner] = 0
        if not shape.hold_weights:
            longest = issue * shape.weight_accesses
        cycles += _add_pass(total, shape, positions, issue, longest)
    return cycles


@compiled
def tile_jobs(masks: Words, shape: JobShape, precise: Ints, write: Ints, totals: Ints) -> None:
    """The precise jobs of all blocks of a tile, and their write-backs.

    masks: uint64 (images, positions, words), neuron i in bit i % 64 of word i // 64.
    precise, write: int64 (images, blocks), set to the service cycles of the jobs; 0 where there is none.
    totals: int64 (images, len(SUMS)), added to.
    """
    block, lanes, owners = shape.position_block, shape.lanes, shape.owners
    bits = np.zeros((block, (shape.rows + 63) // 64 + 1), np.uint64)
    planes = 8 // shape.rows_per_unit if shape.rows_per_unit <= 8 else 0
    tallies = np.zeros(((owners * shape.rows_per_unit + 63) // 64) * planes, np.uint64)
    counts = np.empty((block, owners), np.int64)
    passes = -(-shape.most_rows // shape.rows_per_pass)
    rank = np.zeros((block, owners), np.int64)
    uses = np.zeros((lanes, passes), np.int64)
    steps = np.zeros((passes, lanes, owners), np.int64)
    weight_time = np.zeros((passes, lanes, owners), np.int64)

    held_longer = shape.hold_weights and shape.weight_accesses > 1
    together = -(-block // lanes) if passes == 1 else 1  # positions that a tally of `_counted_job` adds up
    countable = (
        shape.rows_per_unit in (1, 2, 4, 8) and not held_longer and shape.most_rows * together <= 255
    )
    positions = masks.shape[1]
    for image in range(masks.shape[0]):
        total = totals[image]
        for number in range(precise.shape[1]):
            first = number * block
            here = min(block, positions - first)
            essential, lines = 0, 0
            for position in range(here):
                found = _load(masks[image, first + position], shape.first_row, shape.rows, bits[position])
                essential += found
                if found:
                    lines += _lines(bits[position], shape.rows, shape.words_per_line)
            cycles = 0
            if essential:
                if countable:
                    cycles = _counted_job(bits, here, shape, tallies, counts, total)
                if cycles == 0:
                    cycles = _ranked_job(bits, here, shape, rank, uses, steps, weight_time, total)
                if not shape.hold_weights:
                    total[_FETCHES] += essential
            precise[image, number] = cycles * shape.chunks
            write[image, number] = -(-lines // shape.banks)
            total[_ESSENTIAL] += essential
            total[_LINES] += lines
            total[_WRITE] += write[image, number]
