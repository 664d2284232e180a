"""Bricks, fused multipliers, adder trees and psums against Python's integers."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("amaranth", reason="the RTL needs the extra rtl")

from amaranth.hdl import Module, Mux, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.blocks.brick import Brick
from accelsim.rtl.blocks.fused import FusedMultiplier, spread_bytes
from accelsim.rtl.blocks.psums import AccumulatorFile
from accelsim.rtl.blocks.tree import AdderTree, tree_latency
from tests.rtl.drive import stream

WORDS = (-32768, -32767, -1, 0, 1, 15, 16, 255, 32767)


def as_signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def packed(values: list[int], bits: int) -> int:
    return sum((value & ((1 << bits) - 1)) << (bits * i) for i, value in enumerate(values))


def test_a_brick_multiplies_every_pair_of_nibbles_in_every_signedness() -> None:
    inputs, expected = [], []
    for a_signed in (0, 1):
        for b_signed in (0, 1):
            for a in range(16):
                for b in range(16):
                    inputs.append({"a": a, "b": b, "a_signed": a_signed, "b_signed": b_signed})
                    left = as_signed(a, 4) if a_signed else a
                    expected.append(left * (as_signed(b, 4) if b_signed else b))
    assert [row[0] for row in stream(Brick(), inputs, ["product"])] == expected


def test_fused_bricks_are_a_16_bit_multiplier_and_a_dot_product_of_16_codes_cycle_by_cycle() -> None:
    rng = random.Random(1)
    inputs, expected = [], []
    for a, b in [(a, b) for a in WORDS for b in WORDS] + [
        (rng.randint(-32768, 32767), rng.randint(-32768, 32767)) for _ in range(400)
    ]:
        x = [rng.choice((-8, -7, -1, 0, 1, 7, rng.randint(-8, 7))) for _ in range(16)]
        w = [rng.randint(-8, 7) for _ in range(16)]
        wide = rng.randint(0, 1)
        inputs.append(
            {
                "wide": wide,
                "a_wide": a & 0xFFFF,
                "b_wide": b & 0xFFFF,
                "a_narrow": packed(x, 4),
                "b_narrow": packed(w, 4),
            }
        )
        expected.append(a * b if wide else sum(p * q for p, q in zip(x, w, strict=True)))
    assert [row[0] for row in stream(FusedMultiplier(), inputs, ["product"])] == expected


class ByteMultiplier(wiring.Component):
    """A multiplier in all three modes, with bytes as four packed ones: ``mode`` 0 for codes, 1 for bytes, 2 for words."""

    latency = FusedMultiplier.latency

    def __init__(self) -> None:
        super().__init__({"mode": In(2), "a": In(64), "b": In(64), "product": Out(signed(32))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.multiplier = inner = FusedMultiplier(bytes=True)
        m.d.comb += [
            inner.wide.eq(self.mode == 2),
            inner.byte.eq(self.mode == 1),
            inner.a_wide.eq(self.a),
            inner.b_wide.eq(self.b),
            inner.a_narrow.eq(Mux(inner.byte, spread_bytes(self.a), self.a)),
            inner.b_narrow.eq(Mux(inner.byte, spread_bytes(self.b), self.b)),
            self.product.eq(inner.product),
        ]
        return m


def test_fused_bricks_with_bytes_multiply_in_three_modes_cycle_by_cycle() -> None:
    rng = random.Random(2)
    bits_of_mode = {0: 4, 1: 8, 2: 16}
    inputs, expected = [], []
    for number in range(1500):
        mode = number % 3 if number < 300 else rng.randrange(3)
        bits = bits_of_mode[mode]
        low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        count = 16 // (bits // 4) ** 2
        a, b = (
            [rng.choice((low, high, 0, -1, rng.randint(low, high))) for _ in range(count)] for _ in range(2)
        )
        garbage = rng.getrandbits(64) >> (bits * count) << (bits * count)
        inputs.append({"mode": mode, "a": packed(a, bits) | garbage, "b": packed(b, bits) | garbage})
        expected.append(sum(p * q for p, q in zip(a, b, strict=True)))
    assert [row[0] for row in stream(ByteMultiplier(), inputs, ["product"])] == expected


@pytest.mark.parametrize("terms", [1, 2, 3, 4, 5, 16, 17, 33])
@pytest.mark.parametrize("increments", [False, True])
def test_a_tree_adds_terms_and_increments(terms: int, increments: bool) -> None:
    rng = random.Random(terms)
    ones = terms - 1 if increments else 0
    greatest = 126 if increments else 127  # an inverted word with an increment is at most 127 again
    rows = [[-128] * terms, [greatest] * terms]
    rows += [[rng.randint(-128, greatest) for _ in range(terms)] for _ in range(60)]
    inputs, expected = [], []
    for row in rows:
        bits = rng.choice((0, (1 << ones) - 1, rng.getrandbits(ones) if ones else 0))
        inputs.append({"terms": row, **({"increment": bits} if ones else {})})
        expected.append(sum(row) + bits.bit_count())
    tree = AdderTree(terms, 8, increments)
    assert tree.latency == tree_latency(terms)
    assert [row[0] for row in stream(tree, inputs, ["sum"])] == expected


@pytest.mark.parametrize("latency", [1, 2, 3, 5])
def test_psums_accumulate_at_the_least_distance_that_the_machine_allows(latency: int) -> None:
    rng = random.Random(latency)
    accumulators = 5
    psums = [0] * accumulators
    last_use = [-latency] * accumulators
    inputs, expected = [], []
    for cycle in range(600):
        free = [i for i in range(accumulators) if cycle - last_use[i] >= latency]
        if not free or rng.random() < 0.1:
            inputs.append({"valid": 0, "value": rng.randint(-99, 99)})
            expected.append(None)
            continue
        index = max(free, key=last_use.__getitem__) if rng.random() < 0.5 else rng.choice(free)
        last_use[index] = cycle
        first = cycle < 20 or rng.random() < 0.05
        value = rng.choice((-(2**33), 2**33 - 1, rng.randint(-(2**33), 2**33 - 1)))
        psums[index] = (0 if first else psums[index]) + value
        inputs.append({"valid": 1, "index": index, "first": int(first), "value": value})
        expected.append(psums[index])
    block = AccumulatorFile(accumulators, latency, 34)
    sums = [row[0] for row in stream(block, inputs, ["sum"])]
    assert [s for s, e in zip(sums, expected, strict=True) if e is not None] == [
        e for e in expected if e is not None
    ]
