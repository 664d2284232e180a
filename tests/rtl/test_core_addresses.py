"""The address rules of docs/machine.md, section 12: no two words of an access ever share a column."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("amaranth")

from accelsim.rtl.memory_images import row_pitch

SIZES = st.integers(1, 9)


@given(SIZES, SIZES, SIZES, st.integers(1, 40))
def test_a_window_finds_its_words_in_different_columns(
    channels: int, kernel_columns: int, width: int, window: int
) -> None:
    """Patches of three kernel rows, wherever they begin: word i lies in column (c0 + i) mod Cw."""
    pitch = row_pitch(channels, kernel_columns, width, window)
    assert 0 <= pitch - width * channels < window
    kernel_row = kernel_columns * channels
    for start in (0, 1, 5 * channels):
        addresses = [start + r * pitch + i for r in range(3) for i in range(kernel_row)]
        assert [a % window for a in addresses] == [(start + i) % window for i in range(len(addresses))]


@given(st.integers(1, 5), st.integers(1, 24), st.integers(1, 24), st.data())
def test_an_access_across_positions_finds_its_words_in_different_columns(
    positions: int, chunk: int, columns: int, data: st.DataObject
) -> None:
    """Word i of position p in column (i + p*chunk) mod C: every C words of a window lie in C columns."""
    number = data.draw(st.integers(0, 7))
    words = [(p, number * chunk + e) for p in range(positions) for e in range(chunk)]
    for first in range(0, len(words), columns):
        used = [(i + p * chunk) % columns for p, i in words[first : first + columns]]
        assert len(set(used)) == len(used)


@given(
    st.integers(1, 6),
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, 6), st.booleans()), min_size=1, max_size=40),
)
def test_two_chunks_of_registers_hold_all_that_is_on_its_way(
    longest: int, slots: list[tuple[int, int, bool]]
) -> None:
    """Row slots of c steps and w <= longest reads back to back: no entry is overwritten before its last use.

    An entry asked for in cycle u is written at the end of cycle u + delta - longest; a slot's steps use its
    entries in the cycles s + delta .. s + c - 1 + delta.
    """
    delta = longest + 3
    time, asked, last_use = 0, [], []
    for steps, reads, waits in slots:
        reads = min(reads, longest)
        for access in range(reads):
            asked.append(time + access)
            last_use.append(time + steps - 1 + delta)
        time += max(steps, reads) + (3 if waits else 0)
    written = np.array(asked) + delta - longest
    for entry in range(len(asked) - 2 * longest):
        assert written[entry + 2 * longest] >= last_use[entry]
