"""Fixed-point numbers of the core: scales, rounding, saturation (docs/machine.md, section 11).

A number format is its count of fraction bits f: value = code * 2**-f. Every rounding is half up,
floor(v + 1/2), because that is one adder and a shift in hardware.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import AccelsimError

WORD_MAX = 32767
WORD_MIN = -32768
"""A word (x, W, z~, z) is a signed 16-bit integer."""

CODE_MAX = 7
"""INT4 codes are -7..7."""

OPERAND_RANGES = {16: (WORD_MIN, WORD_MAX), 8: (-128, 127), 4: (-CODE_MAX, CODE_MAX)}
"""Smallest and largest operand of a precise product, by its bits."""

MULTIPLIER_MAX = 65535
"""Multipliers are unsigned 16-bit integers."""

SHIFT_MAX = 46
"""Largest right shift of a requantizer."""

TERM_LIMIT = 1 << 45
"""Bias terms lie strictly between -TERM_LIMIT and TERM_LIMIT.

A psum lies within 2**46 (65,535 products of at most 2**30) and half of the largest shift is 2**45, so
psum + term + half always lies within 2**47: 48 bits never overflow.
"""

MAX_D = 65535
"""Longest row: 65,535 words of magnitude 32,768 sum to less than 2**31, so a 32-bit y never overflows."""


def fraction_bits(what: str, largest: float) -> int:
    """Most fraction bits with which a magnitude of `largest` still rounds to a word; 0 for `largest` 0.

    Negative where the integer part alone needs more than 15 bits. Raises AccelsimError, in the name of
    `what`, for a magnitude that is not finite or negative.
    """
    if not (math.isfinite(largest) and largest >= 0):
        raise AccelsimError(f"{what}: the largest magnitude is {largest}, must be a finite number")
    if largest == 0:
        return 0
    bits = 15 - math.frexp(largest)[1]
    return bits if math.ldexp(largest, bits) < WORD_MAX + 0.5 else bits - 1


def to_words(values: NDArray[np.floating], bits: int) -> NDArray[np.int16]:
    """Values as words with `bits` fraction bits: rounded half up, saturated; int16 of the same shape."""
    codes = np.floor(np.ldexp(values.astype(np.float64), bits) + 0.5)
    return np.clip(codes, WORD_MIN, WORD_MAX).astype(np.int16)


def to_values(words: NDArray[np.integer], bits: int) -> NDArray[np.float64]:
    """What words with `bits` fraction bits stand for; exact."""
    return np.ldexp(words.astype(np.float64), -bits)


def multipliers(
    what: str,
    scales: NDArray[np.floating],
    largest: int = MULTIPLIER_MAX,
    most_shift: int = SHIFT_MAX,
) -> tuple[NDArray[np.int64], int]:
    """Scales (all >= 0, any shape) as integers m and one shift s, so that m * 2**-s is about the scale.

    s is the largest with which every m is at most `largest`, and at most `most_shift`. The largest m so has as many
    significant bits as `largest`, the others as many fewer as their scales are smaller. Raises AccelsimError, in the name
    of `what`, for a scale of more than `largest`, negative, or not finite.
    """
    scales = np.asarray(scales, dtype=np.float64)
    top = float(scales.max(initial=0.0))
    if not (np.isfinite(scales).all() and scales.min(initial=0.0) >= 0 and top <= largest):
        raise AccelsimError(f"{what}: scales up to {top:g}, must be 0 to {largest}")
    shift = most_shift if top == 0 else min(most_shift, largest.bit_length() - math.frexp(top)[1])
    if math.ldexp(top, shift) >= largest + 0.5:
        shift -= 1
    return np.floor(np.ldexp(scales, shift) + 0.5).astype(np.int64), shift


def scales_and_offsets(
    what: str, scales: NDArray[np.floating], offsets: NDArray[np.floating]
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Lines scale * v + offset, of any sign, as (m, o, s): signed words m and terms o, so that (m * v + o) * 2**-s is near.

    Raises AccelsimError, in the name of `what`, as `multipliers` and `terms` do.
    """
    reach = float(np.abs(np.asarray(offsets, dtype=np.float64)).max(initial=0.0))
    room = TERM_LIMIT.bit_length() - 2 - math.frexp(reach)[1] if math.isfinite(reach) else 0
    magnitudes, shift = multipliers(what, np.abs(scales), WORD_MAX, max(0, min(SHIFT_MAX, room)))
    return magnitudes * np.sign(scales).astype(np.int64), terms(what, offsets, shift), shift


def terms(what: str, values: NDArray[np.floating], bits: int) -> NDArray[np.int64]:
    """Bias terms with `bits` fraction bits, rounded half up: int64 of the same shape.

    Raises AccelsimError, in the name of `what`, where one reaches TERM_LIMIT.
    """
    scaled = np.floor(np.ldexp(np.asarray(values, dtype=np.float64), bits) + 0.5)
    if not (np.isfinite(scaled).all() and np.abs(scaled).max(initial=0.0) < TERM_LIMIT):
        raise AccelsimError(f"{what}: a bias is too large beside the layer's products; must be below 2**45")
    return scaled.astype(np.int64)
