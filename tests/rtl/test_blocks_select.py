"""Threshold comparators and the N:M ranker against sorting in Python."""

from __future__ import annotations

import itertools
import random

import pytest

pytest.importorskip("amaranth", reason="the RTL needs the extra rtl")

from accelsim.rtl.blocks.ranker import Ranker
from accelsim.rtl.blocks.threshold import ThresholdSelector
from tests.rtl.drive import stream

EDGES = (-32768, -32767, -1, 0, 1, 32767)


def largest(values: list[int], members: int, keep: int) -> int:
    """The mask of the ``keep`` largest magnitudes among the members; of equal ones the lower index."""
    order = sorted((i for i in range(len(values)) if members >> i & 1), key=lambda i: (-abs(values[i]), i))
    return sum(1 << i for i in order[:keep])


def test_threshold_takes_the_magnitude_that_equals_it() -> None:
    rng = random.Random(3)
    inputs, expected = [], []
    for threshold in (0, 1, 32767, 32768, 32769, 65535, *(rng.randint(0, 33000) for _ in range(60))):
        values = [*EDGES, min(threshold, 32767), -min(threshold + 1, 32768)]
        values += [rng.randint(-32768, 32767) for _ in range(3)]
        members = rng.getrandbits(len(values))
        inputs.append({"values": values, "members": members, "threshold": threshold})
        bits = [abs(v) >= threshold and members >> i & 1 for i, v in enumerate(values)]
        expected.append(sum(1 << i for i, bit in enumerate(bits) if bit))
    assert [row[0] for row in stream(ThresholdSelector(11), inputs, ["mask"])] == expected


def test_ranker_is_right_for_every_order_and_tie_of_three_values_and_every_membership() -> None:
    inputs, expected = [], []
    for values in itertools.product((-32768, -5, 0, 5), repeat=3):
        for members in range(8):
            for keep in range(4):
                inputs.append({"values": list(values), "members": members, "keep": keep})
                expected.append(largest(list(values), members, keep))
    assert [row[0] for row in stream(Ranker(3), inputs, ["mask"])] == expected


@pytest.mark.parametrize("max_of", [2, 8, 12])
def test_ranker_keeps_the_largest_of_groups_of_any_size(max_of: int) -> None:
    rng = random.Random(max_of)
    inputs, expected = [], []
    for _ in range(300):
        span = rng.choice((1, 3, 32768))
        values = [rng.randint(-span, min(span, 32767)) for _ in range(max_of)]
        members = rng.choice(((1 << rng.randint(1, max_of)) - 1, rng.getrandbits(max_of)))
        keep = rng.randint(1, max_of)
        inputs.append({"values": values, "members": members, "keep": keep})
        expected.append(largest(values, members, keep))
    assert [row[0] for row in stream(Ranker(max_of), inputs, ["mask"])] == expected
