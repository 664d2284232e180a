"""Threshold comparators and the N:M ranker against sorting in Python."""

from __future__ import annotations

import itertools
import random

import pytest

pytest.importorskip("amaranth", reason="the RTL needs the extra rtl")

from accelsim.rtl.blocks.ranker import Ranker
from accelsim.rtl.blocks.score import ScoreScaler
from accelsim.rtl.blocks.threshold import ThresholdSelector
from tests.rtl.drive import stream

EDGES = (-32768, -32767, -1, 0, 1, 32767)


def largest(values: list[int], members: int, keep: int, keeps_sign: int = 0) -> int:
    """The mask of the ``keep`` largest scores among the members; of equal ones the lower index."""
    scores = values if keeps_sign else [abs(value) for value in values]
    order = sorted((i for i in range(len(values)) if members >> i & 1), key=lambda i: (-scores[i], i))
    return sum(1 << i for i in order[:keep])


def test_threshold_takes_the_signed_score_that_equals_it() -> None:
    inputs, expected = [], []
    for threshold in (-65536, -32769, -32768, -32767, -1, 0, 1, 32767, 32768, 65535):
        members = (1 << len(EDGES)) - 1
        inputs.append({"values": EDGES, "members": members, "threshold": threshold, "keeps_sign": 1})
        expected.append(sum(1 << i for i, value in enumerate(EDGES) if value >= threshold))
    assert [row[0] for row in stream(ThresholdSelector(len(EDGES)), inputs, ["mask"])] == expected


def test_a_scaler_multiplies_adds_rounds_half_up_and_saturates() -> None:
    rng = random.Random(5)
    inputs, expected = [], []
    for shift in (0, 1, 15, 46, *(rng.randint(0, 46) for _ in range(20))):
        for value in (*EDGES, *(rng.randint(-32768, 32767) for _ in range(10))):
            factor = rng.choice((*EDGES, rng.randint(-32768, 32767)))
            reach = (1 << 45) - 1 if rng.random() < 0.2 else 1 << min(shift + 13, 44)
            offset = rng.randint(-reach, reach)
            inputs.append({"value": value, "factor": factor, "offset": offset, "shift": shift})
            total = (value * factor + offset + ((1 << shift) >> 1)) >> shift
            expected.append(max(-32768, min(32767, total)))
    # The shift is configuration, which is constant while anything is in flight.
    seen = []
    for first in range(0, len(inputs), 16):
        part = inputs[first : first + 16]
        seen += [row[0] for row in stream(ScoreScaler(), part, ["score"])]
    assert seen == expected


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
            for keep, keeps_sign in itertools.product(range(4), (0, 1)):
                inputs.append(
                    {"values": list(values), "members": members, "keep": keep, "keeps_sign": keeps_sign}
                )
                expected.append(largest(list(values), members, keep, keeps_sign))
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
        sign = rng.randint(0, 1)
        inputs.append({"values": values, "members": members, "keep": keep, "keeps_sign": sign})
        expected.append(largest(values, members, keep, sign))
    assert [row[0] for row in stream(Ranker(max_of), inputs, ["mask"])] == expected
