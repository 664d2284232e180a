"""The execution pipeline of a VPU: whole jobs of random rows and positions against sums in Python."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("amaranth", reason="the RTL needs the extra rtl")

from amaranth.sim import Simulator

from accelsim.rtl.blocks.vpu_pipeline import VpuPipeline, VpuShape


@dataclass(frozen=True)
class Scale:
    bias: int
    multiplier: int
    shift: int

    def of(self, psum: int) -> int:
        value = psum * self.multiplier + self.bias
        return max(-32768, min(32767, (value + ((1 << self.shift) >> 1)) >> self.shift))


def packed(values: list[int], bits: int) -> int:
    return sum((value & ((1 << bits) - 1)) << (bits * i) for i, value in enumerate(values))


def a_job(
    rng: random.Random, shape: VpuShape, precise: bool, bits: int, scale: list[Scale]
) -> tuple[list[dict], list]:
    """Steps of one pass in a machine's order (chunk by chunk, row by row), and the results they must give."""
    per_chunk = shape.lanes * 16 // (bits // 4) ** 2
    high = 2 ** (bits - 1) - 1
    chunks, positions = rng.randint(1, 4), rng.randint(1, shape.positions)
    length = chunks * per_chunk - rng.randrange(per_chunk)
    rows = rng.sample(range(shape.rows), min(shape.rows, shape.accumulators // positions))
    pairs = [(row, position) for row in rows for position in range(positions)]
    weights = {row: [rng.randint(-high, high) for _ in range(length)] for row in rows}
    operands = [[rng.randint(-high, high) for _ in range(length)] for _ in range(positions)]
    steps: list[dict[str, Any]] = []
    for chunk in range(chunks):
        used = min(per_chunk, length - chunk * per_chunk)
        # Past the row's end the registers hold whatever was there.
        chunk_of = [
            v[chunk * per_chunk :][:per_chunk] + [rng.randint(-high, high) for _ in range(per_chunk - used)]
            for v in operands
        ]
        broadcast = rng.getrandbits(shape.positions * shape.narrow_bits)
        field = bits * per_chunk
        for position, values in enumerate(chunk_of):
            broadcast &= ~(((1 << field) - 1) << (field * position))
            broadcast |= packed(values, bits) << (field * position)
        for psum, (row, position) in enumerate(pairs):
            garbage = [rng.randint(-high, high) for _ in range(per_chunk - used)]
            held = weights[row][chunk * per_chunk :][:per_chunk] + garbage
            steps.append(
                {
                    "step": {
                        "valid": 1,
                        "precise": int(precise),
                        "wide": int(bits == 16),
                        **({"byte": int(bits == 8)} if shape.bytes else {}),
                        "first": int(chunk == 0),
                        "last": int(chunk == chunks - 1),
                        "position": position,
                        "psum": psum,
                        "row": row,
                    },
                    "enable": (1 << used) - 1,
                    "broadcast": broadcast,
                    "weights": packed(held, bits),
                }
            )
        idle = max(0, shape.accumulate_latency - len(pairs)) + (rng.random() < 0.3)
        steps += [{"step": {"valid": 0, "last": 1}}] * idle
    sums = {(r, p): sum(a * b for a, b in zip(weights[r], operands[p], strict=True)) for r, p in pairs}
    return steps, [(int(precise), row, p, scale[row].of(psum)) for (row, p), psum in sums.items()]


@pytest.mark.parametrize(
    ("lanes", "positions", "accumulators", "accumulate_latency", "bits", "most_bytes"),
    [
        (1, 1, 1, 1, 16, 0),
        (2, 3, 7, 2, 16, 32),
        (4, 4, 16, 3, 8, 64),
        (3, 2, 4, 4, 4, 0),
        (2, 2, 5, 1, 8, 32),
    ],
)
def test_passes_follow_each_other_without_a_gap(
    lanes: int, positions: int, accumulators: int, accumulate_latency: int, bits: int, most_bytes: int
) -> None:
    rng = random.Random(lanes)
    shape = VpuShape(lanes, positions, accumulators, accumulate_latency, 9, 64 * lanes, most_bytes)
    words = [Scale(rng.randint(-(2**30), 2**30), 1, rng.randint(10, 30)) for _ in range(shape.rows)]
    noise, scaled = (
        [
            Scale(rng.randint(-(2**16), 2**16), rng.randint(0, 65535), rng.randint(shift, shift + 12))
            for _ in range(shape.rows)
        ]
        for shift in (0, 2 * bits - 4)  # psums of z~, and of z with 8 or 4 bits
    )
    scales = (noise, words if bits == 16 else scaled)
    steps: list[dict[str, Any]] = []
    expected: list[tuple[int, int, tuple[int, ...]]] = []
    for _ in range(8):
        precise = rng.random() < 0.5
        job, results = a_job(rng, shape, precise, bits if precise else 4, scales[precise])
        steps += job
        expected += results
    block = VpuPipeline(shape)
    seen: list[tuple[int, ...]] = []
    first_result: list[int] = []

    async def bench(context: Any) -> None:
        for cycle, step in enumerate(steps + [{"step": {"valid": 0}}] * (block.latency + 1)):
            for name, value in step.items():
                context.set(getattr(block, name), value)
            await context.delay(1e-9)
            result = context.get(block.result)
            if result.valid:
                first_result.append(cycle)
                seen.append((result.precise, result.row, result.position, result.value))
            asked = context.get(block.scale_read)
            precise, row = context.get(block.scale_precise), context.get(block.scale_row)
            await context.tick()
            scale = scales[precise][row] if asked else Scale(rng.getrandbits(40), 7, 3)
            context.set(block.bias, scale.bias)
            context.set(block.multiplier, scale.multiplier)
            context.set(block.shift, scale.shift)

    simulator = Simulator(block)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert seen == expected
    first_last = next(i for i, s in enumerate(steps) if s["step"]["valid"] and s["step"]["last"])
    assert first_result[0] - first_last == block.latency
    assert len({value for *_, value in seen}) > len(seen) // 4
