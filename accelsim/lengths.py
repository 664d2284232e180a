"""Lengths in bits that mapping, components and RTL share, and their division."""

from __future__ import annotations

BITS_PER_KIB = 8192
WORD_BITS = 16
CODE_BITS = 4
SPIKE_BITS = 1


def ceil_div(a: int, b: int) -> int:
    """Integer ceiling of a / b for b > 0."""
    return -(-a // b)
