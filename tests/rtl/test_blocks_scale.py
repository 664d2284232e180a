"""Requantizer, projection lane and quantizer against the formulas of docs/machine.md, section 11."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("amaranth", reason="the RTL needs the extra rtl")

from accelsim.rtl.blocks.projection_lane import ProjectionLane
from accelsim.rtl.blocks.quantizer import Quantizer
from accelsim.rtl.blocks.requantize import Requantizer, code_sum_bits
from tests.rtl.drive import stream


def rounded(value: int, shift: int) -> int:
    return (value + ((1 << shift) >> 1)) >> shift


def sat16(value: int) -> int:
    return max(-32768, min(32767, value))


def near(rng: random.Random, limit: int) -> int:
    """A number of up to ``limit`` in magnitude, of any length, often an extreme or a power of two."""
    bits = rng.randint(0, limit.bit_length())
    size = rng.choice((limit, 1 << bits, (1 << bits) - 1, rng.randint(0, 1 << bits)))
    return rng.choice((-1, 1)) * min(size, limit)


@pytest.mark.parametrize("most_codes", [1, 1536, 65535])
def test_requantizer_rounds_half_up_and_saturates_in_both_modes(most_codes: int) -> None:
    rng = random.Random(most_codes)
    inputs, expected = [], []
    for cycle in range(1500):
        wide = rng.randint(0, 1)
        psum = near(rng, 2**46 - 1) if wide else near(rng, 49 * most_codes)
        bias, shift = near(rng, 2**45 - 1), rng.randint(0, 46)
        multiplier = rng.choice((0, 1, 65535, rng.randint(0, 65535)))
        if cycle % 3 == 0:  # near the ends of the range and near halves, where a mistake shows
            multiplier, shift = 1, rng.randint(0, 20)
            psum = near(rng, 49 * most_codes)
            target = rng.choice((-32768, 32767, 0)) * 2**shift
            bias = target + rng.randint(-2, 2) * max(1, 2**shift // 2) + rng.randint(-1, 1) - psum
        inputs.append(
            {"valid": 1, "wide": wide, "psum": psum, "bias": bias, "multiplier": multiplier, "shift": shift}
        )
        expected.append(sat16(rounded((psum if wide else psum * multiplier) + bias, shift)))
    assert {-32768, 32767} <= set(expected)
    values = [row[0] for row in stream(Requantizer(code_sum_bits(most_codes)), inputs, ["value"])]
    assert values == expected


def test_quantizer_clamps_to_symmetric_codes() -> None:
    rng = random.Random(2)
    expected, codes = [], []
    for _ in range(120):  # multiplier and shift are a layer's: held while its values pass
        multiplier, shift = rng.choice((1, 3, 65535, rng.randint(0, 65535))), rng.randint(0, 46)
        size = min(2**31 - 1, (8 << shift) // max(1, multiplier) + 1)
        ys = [rng.choice((-1, 1)) * rng.randint(0, size) for _ in range(20)] + [2**31 - 1, -(2**31)]
        inputs = [{"valid": 1, "y": y, "multiplier": multiplier, "shift": shift} for y in ys]
        codes += [row[0] for row in stream(Quantizer(), inputs, ["code"])]
        expected += [max(-7, min(7, rounded(y * multiplier, shift))) for y in ys]
    assert set(range(-7, 8)) == set(expected)
    assert codes == expected


@pytest.mark.parametrize("words", [1, 2, 16, 17])
def test_projection_lane_accumulates_signed_words_back_to_back(words: int) -> None:
    rng = random.Random(words)
    block = ProjectionLane(words)
    y = 0
    inputs, additions, expected = [], [], []
    for cycle in range(300):
        valid, first = int(rng.random() < 0.8), int(cycle == 0 or rng.random() < 0.1)
        row = [rng.choice((-32768, 32767, rng.randint(-32768, 32767))) for _ in range(words)]
        signs = [rng.choice((-1, 0, 1)) for _ in range(words)]
        # A zero's other bit means nothing.
        bits = [{"nonzero": abs(s), "negative": int(s < 0) if s else rng.randint(0, 1)} for s in signs]
        inputs.append({"valid": valid, "first": first, "words": row, "signs": bits})
        if valid:
            y = (0 if first else y) + sum(s * x for s, x in zip(signs, row, strict=True))
        expected.append(y)
        additions.append(sum(map(abs, signs)) if valid else 0)
    assert [row[0] for row in stream(block, inputs, ["additions"], latency=0)] == additions
    assert [row[0] for row in stream(block, inputs, ["y"])] == expected
