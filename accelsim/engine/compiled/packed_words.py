"""Arithmetic on 64-bit words that hold many small values: bits of a mask, or eight bytes."""

from __future__ import annotations

from typing import Final

import numpy as np

from accelsim.engine.compiled.jit import inlined

ZERO: Final = np.uint64(0)
ONE: Final = np.uint64(1)
ALL_BITS: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
ONE_PER_BYTE: Final = np.uint64(0x0101010101010101)
_TOP_OF_BYTES: Final = np.uint64(0x8080808080808080)


@inlined
def bit_field(low: np.uint64, high: np.uint64, first: int, length: int) -> np.uint64:
    """Return ``length`` (1 to 64) bits of two consecutive words, from bit ``first`` (0 to 63) on."""
    value = (low >> np.uint64(first)) | ((high << ONE) << np.uint64(63 - first))
    return np.uint64(value & (ALL_BITS >> np.uint64(64 - length)))


@inlined
def at_least(one: np.uint64, other: np.uint64) -> np.uint64:
    """Return all ones in the bytes where ``one`` is not below ``other``. Bytes must be below 128."""
    not_below = ((one | _TOP_OF_BYTES) - other) & _TOP_OF_BYTES
    return (not_below << ONE) - (not_below >> np.uint64(7))
