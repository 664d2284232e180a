"""Operand streams: an example by hand, every step against the reference, and their count against the engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.config import Machine
from accelsim.config.machine import machine_from_yaml
from accelsim.engine import run_image
from accelsim.errors import AccelsimError
from accelsim.nn.fixed_point.as_trace import as_layer_trace
from accelsim.nn.fixed_point.fixed_point_reference import FixedResult, fixed_point_layer
from accelsim.nn.fixed_point.layer_operands import CoreOperands, KeepLargest, NoiseOperands
from accelsim.nn.fixed_point.operand_streams import (
    MvuShape,
    block_count,
    noise_stream,
    precise_stream,
    projection_stream,
    spread,
)
from accelsim.nn.fixed_point.random_operands import KINDS, random_operands

MACHINE = """
format: accelsim-machine/1
name: streams
clock_mhz: 500
cores: 1
split: contiguous
mvu: {vpus: VPUS, bricks_per_vpu: BRICKS, pipeline_depth_cycles: 3, accumulate_latency_cycles: 2,
      accumulators_per_vpu: PSUMS, position_block: BLOCK, hold_weights: true, spare_vpus: SPARE}
weight_sram:  {kib: 4096, macro_kib: 1, width_bits: 32}
input_sram:   {kib: 4096, macro_kib: 1, width_bits: 32, banks: 1}
patch_buffer: {kib: 4096, macro_kib: 1, width_bits: 32}
result_buffer: {kib: 4096, macro_kib: 1, width_bits: 16}
output_sram:  {kib: 4096, macro_kib: 1, width_bits: 32, banks: 1}
sequencer: {lookahead: 1, mvu_order: approximate_first}
projection: {lanes: 4, quantizers: 4}
"""
SELECTORS = {
    "threshold": "selector: {kind: threshold, comparators: 4, latency_cycles: 1}",
    "nm": "selector: {kind: nm, groups_per_cycle: 1, latency_cycles: 1, max_of: 8}",
}


def machine(shape: MvuShape, kind: str) -> Machine:
    text = MACHINE.replace("VPUS", str(shape.vpus)).replace("BRICKS", str(shape.bricks))
    text = text.replace("PSUMS", str(shape.accumulators)).replace("BLOCK", str(shape.position_block))
    text = text.replace("SPARE", "share" if shape.share else "idle")
    return machine_from_yaml(text + SELECTORS.get(kind, SELECTORS["nm"]))


def worked_layer() -> tuple[CoreOperands, FixedResult]:
    """Example 2 of docs/machine.md with numbers: n = 4 in groups of 2, d = 4, k = 8, three positions."""
    noise = NoiseOperands(
        signs=np.eye(8, 4, dtype=np.int8),
        y_multiplier=1,
        y_shift=0,
        codes=np.arange(32, dtype=np.int8).reshape(4, 8) % 8,
        multipliers=np.ones(4, np.int64),
        terms=np.zeros(4, np.int64),
        shift=0,
        selection=KeepLargest(1, 2),
    )
    w = (np.arange(16).reshape(4, 4) + 100).astype(np.int16)
    x = np.array([[[1, 2, 3]], [[0, 1, 0]], [[4, 0, 0]], [[0, 0, 5]]], np.int16)
    layer = CoreOperands(x, (1, 1), (1, 1), (0, 0), w, np.zeros(4, np.int64), 0, noise)
    mask = np.array([[1, 0, 0, 1], [0, 1, 0, 1], [1, 0, 1, 0]], bool)
    return layer, replace(fixed_point_layer(layer), mask=mask)


def test_worked_example() -> None:
    layer, result = worked_layer()
    shape = MvuShape(vpus=2, bricks=32, accumulators=4, position_block=2)
    # Precise, VPU 1 (rows 2, 3), block 0: row 3 for positions 0 and 1, two chunks of two words.
    stream = precise_stream(layer, result, shape, vpu=1, blocks=[0])
    assert stream.weights.tolist() == [[112, 113], [112, 113], [114, 115], [114, 115]]
    assert stream.operands.tolist() == [[1, 0], [2, 1], [4, 0], [0, 0]]  # patches 1 0 4 0 and 2 1 0 0
    assert stream.partial.tolist() == [112, 224 + 113, 456, 0]
    assert stream.psum.tolist() == [112, 337, 568, 337]
    assert stream.row.tolist() == [3] * 4 and stream.position.tolist() == [0, 1, 0, 1]
    assert stream.slot.tolist() == [0, 1, 0, 1]
    assert stream.first.tolist() == [True, True, False, False] == (~stream.last).tolist()
    # VPU 0 (rows 0, 1): row 0 at position 0, row 1 at position 1.
    stream = precise_stream(layer, result, shape, vpu=0, blocks=[0])
    assert stream.row.tolist() == [0, 1, 0, 1] and stream.position.tolist() == [0, 1, 0, 1]
    # Approximate: both rows of VPU 0 for both positions, row by row, one chunk of 32 codes.
    stream = noise_stream(layer, result, shape, vpu=0, blocks=[0])
    assert stream.row.tolist() == [0, 0, 1, 1] and stream.slot.tolist() == [0, 1, 2, 3]
    assert stream.weights.shape == (4, 32) and stream.weights[0].tolist() == [*range(8)] + [0] * 24
    assert stream.operands[1].tolist() == [2, 1] + [0] * 30
    # Projection, lane 1 of 4 (sums 1 and 5), windows of 2 words, position 1.
    stream = projection_stream(layer, window=2, lanes=4, lane=1, positions=[1])
    assert stream.y.tolist() == [1, 5, 1, 5] and stream.words.tolist() == [[2, 1], [2, 1], [0, 0], [0, 0]]
    assert stream.signs.tolist() == [[0, 1], [0, 0], [0, 0], [0, 0]] and stream.total.tolist() == [1, 0, 1, 0]


SHAPES = st.builds(
    lambda vpus, lanes, a, block, share: MvuShape(vpus, 16 * lanes, a * block, block, share),
    st.integers(1, 6),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 4),
    st.booleans(),
)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from(KINDS), SHAPES)
def test_streams_do_the_layers_work_in_the_engines_steps(seed: int, kind: str, shape: MvuShape) -> None:
    """All VPUs together multiply what the reference sums, each (position, row) once, in as many steps as the engine."""
    layer = random_operands(np.random.default_rng(seed), kind)  # type: ignore[arg-type]
    result = fixed_point_layer(layer)
    patches = layer.patches().astype(np.int64)
    jobs = [("16bit", precise_stream, patches @ layer.w.T.astype(np.int64), result.mask)]
    if layer.noise is not None and result.y is not None:
        sums = result.y.astype(np.int64) @ layer.noise.codes.T.astype(np.int64)
        jobs.append(("4bit", noise_stream, sums, np.ones_like(result.mask)))
    counts = run_image([as_layer_trace(layer, result.mask)], machine(shape, kind))[0]
    for name, make, sums, active in jobs:
        done, steps = np.zeros(active.shape, int), 0
        for vpu in range(shape.vpus):
            stream = make(layer, result, shape, vpu, range(block_count(layer, shape)))
            steps += len(stream.row)
            ends = stream.last
            done[stream.position[ends], stream.row[ends]] += 1
            assert np.array_equal(stream.psum[ends], sums[stream.position[ends], stream.row[ends]])
            assert stream.slot.max(initial=0) < shape.accumulators
        assert np.array_equal(done, active.astype(int))
        assert steps == getattr(counts, f"vpu_steps_{name}")


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9))
def test_lanes_project_what_the_reference_projects(seed: int, window: int, lanes: int) -> None:
    layer = random_operands(np.random.default_rng(seed), "threshold")
    assert layer.noise is not None
    sums = layer.patches().astype(np.int64) @ layer.noise.signs.T.astype(np.int64)
    done = np.zeros_like(sums, int)
    for lane in range(min(lanes, layer.k)):
        stream = projection_stream(layer, window, lanes, lane, range(layer.positions))
        ends = stream.last
        done[stream.position[ends], stream.y[ends]] += 1
        assert np.array_equal(stream.total[ends], sums[stream.position[ends], stream.y[ends]])
        assert len(stream.y) == layer.positions * -(-layer.d // window) * len(range(lane, layer.k, lanes))
    assert (done == 1).all()


def test_what_has_no_stream() -> None:
    layer, result = worked_layer()
    shape = MvuShape(2, 16, 4, 2)
    dense = replace(layer, noise=None)
    for call, message in [
        (lambda: precise_stream(layer, result, shape, 2, [0]), "VPU 2, must be 0 to 1"),
        (lambda: precise_stream(layer, result, shape, 0, [2]), "block 2 is not in the layer"),
        (lambda: noise_stream(dense, fixed_point_layer(dense), shape, 0, [0]), "dense layer"),
        (lambda: projection_stream(dense, 2, 4, 0, [0]), "lane 0 of 4"),
        (lambda: projection_stream(layer, 2, 16, 8, [0]), "lane 8 of 16"),
        (lambda: MvuShape(2, 17, 4, 2), "multiple of 16"),
        (lambda: MvuShape(2, 16, 4, 5), "position_block"),
    ]:
        with pytest.raises(AccelsimError, match=message):
            call()
    assert spread(10, 3) == [0, 3, 6] and spread(2, 5) == [0, 1]
