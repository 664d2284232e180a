"""How many rows each VPU has to work on, counted for all VPUs of a word at once: one byte per VPU."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from accelsim.arrays import Ints, Words
from accelsim.engine.compiled.jit import helper, inlined
from accelsim.engine.compiled.job_shape import JobShape
from accelsim.engine.compiled.packed_words import ONE, ONE_PER_BYTE, ZERO, at_least, bit_field

_PAIRS: Final = np.uint64(0x5555555555555555)
_NIBBLES: Final = np.uint64(0x3333333333333333)
_HALVES: Final = np.uint64(0x0F0F0F0F0F0F0F0F)
_BYTE: Final = np.uint64(0xFF)


class RowTallies(NamedTuple):
    """Bytes that count rows, eight in a word.

    planes: Rows of each VPU while they are counted (planes, blocks); zero before and after.
    counts: Rows of each VPU of a position (positions + 1, words, blocks); the last position is for sums of others.
    issue: The most rows that any VPU has (blocks,).
    """

    planes: Words
    counts: Words
    issue: Ints


@inlined
def new_tallies(shape: JobShape, blocks: int) -> RowTallies:
    """Return tallies of zero, of groups of so many blocks."""
    return RowTallies(
        planes=np.zeros((shape.plane_words, blocks), np.uint64),
        counts=np.zeros((shape.position_block + 1, shape.count_words, blocks), np.uint64),
        issue=np.zeros(blocks, np.int64),
    )


@helper
def tally_position(
    bits: Words, position: int, shape: JobShape, blocks: int, scratch: Words, planes: Words
) -> None:
    """Add a position's rows to ``planes``, whose bytes count the rows of one VPU each.

    Rows that are ``owners * rows_per_unit`` (a period) apart belong to the same VPU. Several short periods share a word.
    """
    unit = shape.rows_per_unit
    period, stride = shape.owners * unit, shape.stride_bits
    if stride == period and 64 % period == 0:
        for word in range(shape.words):
            _tally_word(bits[position, word], blocks, unit, planes, 0)
        return
    scratch[:blocks] = ZERO
    filled, at = 0, 0
    for start in range(0, shape.rows, period):
        for first in range(start, min(start + period, shape.rows), 64):
            low, length = first >> 6, min(64, start + period - first)
            for block in range(blocks):
                rows = bit_field(
                    bits[position, low, block], bits[position, low + 1, block], first & 63, length
                )
                scratch[block] |= rows << np.uint64(filled)
            filled += stride
            if filled + stride > 64:
                _tally_word(scratch, blocks, unit, planes, at)
                scratch[:blocks] = ZERO
                filled = 0
            if stride > 64:
                at += 8 // unit
        at = 0
    _tally_word(scratch, blocks, unit, planes, at)


@helper
def _tally_word(words: Words, blocks: int, unit: int, planes: Words, at: int) -> None:
    """Add bit b of a word, the bits of a unit added up, to byte b // 8 of plane at + b % 8 // unit."""
    if unit < 4:
        field = ONE_PER_BYTE * np.uint64(2 * unit - 1)
        for plane in range(8 // unit):
            shift = np.uint64(unit * plane)
            for block in range(blocks):
                value = words[block]
                if unit == 2:
                    value -= (value >> ONE) & _PAIRS
                planes[at + plane, block] += (value >> shift) & field
        return
    for block in range(blocks):
        value = words[block]
        value -= (value >> ONE) & _PAIRS
        value = (value & _NIBBLES) + ((value >> np.uint64(2)) & _NIBBLES)
        if unit == 4:
            planes[at, block] += value & _HALVES
            planes[at + 1, block] += (value >> np.uint64(4)) & _HALVES
        else:
            planes[at, block] += (value + (value >> np.uint64(4))) & _HALVES


@helper
def pack(planes: Words, shape: JobShape, blocks: int, counts: Words, at: int) -> None:
    """Set ``counts[at]`` to the rows of each VPU, a byte each, and clear ``planes``."""
    stride = shape.stride_bits
    if stride >= 64:
        for word in range(counts.shape[1]):
            for block in range(blocks):
                counts[at, word, block] = planes[word, block]
        planes[:] = ZERO
        return
    of_period = (ONE << np.uint64(stride)) - ONE
    counts[at] = ZERO
    word, filled = 0, 0
    for plane in range(8 // shape.rows_per_unit):
        for shift in range(0, 64 - stride + 1, stride):  # the periods of a word
            for block in range(blocks):
                rows = (planes[plane, block] >> np.uint64(shift)) & of_period
                counts[at, word, block] += rows << np.uint64(filled)
        filled += stride
        if filled + stride > 64:
            word, filled = word + 1, 0
    planes[:] = ZERO


@helper
def raise_to_largest(counts: Words, at: int, blocks: int, largest: Ints) -> None:
    """Raise ``largest`` to the largest byte of ``counts[at]``, which is lost."""
    for word in range(1, counts.shape[1]):
        for block in range(blocks):
            one, other = counts[at, word, block], counts[at, 0, block]
            above = at_least(one, other)
            counts[at, 0, block] = (one & above) | (other & ~above)
    for block in range(blocks):
        one = counts[at, 0, block]
        for half in (32, 16, 8):
            other = one >> np.uint64(half)
            above = at_least(one, other)
            one = (one & above) | (other & ~above)
        largest[block] = max(largest[block], np.int64(one & _BYTE))
