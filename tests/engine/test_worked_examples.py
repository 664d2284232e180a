"""The worked examples of docs/machine.md, section 8: every number there, from oracle and engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from accelsim.config import Machine
from accelsim.config.machine import machine_from_yaml
from accelsim.engine import run_image
from accelsim.trace import Approximation, LayerShape, LayerTrace, Scheme
from tests.oracles.per_cycle import Schedule, oracle_image

Simulate = Callable[[Sequence[LayerTrace], Machine], list[dict[str, int]]]

EXAMPLE_1 = """
format: accelsim-machine/1
name: example-1
clock_mhz: 500
cores: 1
split: contiguous
mvu: {vpus: 2, bricks_per_vpu: 32, pipeline_depth_cycles: 3, accumulate_latency_cycles: 2,
      accumulators_per_vpu: 4, position_block: 2, hold_weights: false, spare_vpus: idle}
weight_sram:  {kib: 8, macro_kib: 1, width_bits: 32}
input_sram:   {kib: 8, macro_kib: 1, width_bits: 32, banks: 1}
patch_buffer: {kib: 8, macro_kib: 1, width_bits: 32}
result_buffer: {kib: 8, macro_kib: 1, width_bits: 16}
output_sram:  {kib: 8, macro_kib: 1, width_bits: 32, banks: 1}
sequencer: {lookahead: 1, mvu_order: approximate_first}
"""
EXAMPLE_2 = (
    EXAMPLE_1.replace("hold_weights: false", "hold_weights: true")
    + """
projection: {lanes: 4, quantizers: 4}
selector: {kind: nm, groups_per_cycle: 1, latency_cycles: 1, max_of: 2}
"""
)
EXAMPLE_3 = EXAMPLE_2.replace("lookahead: 1", "lookahead: 0")


def _row(d: int, n: int, positions: int) -> LayerShape:
    """d inputs and n neurons at each of `positions` pixels in a row: a 1 x 1 convolution."""
    return LayerShape(kind="conv", c_in=d, c_out=n, kernel=(1, 1), h_in=1, w_in=positions)


def example_1() -> LayerTrace:
    return LayerTrace.from_masks("one", _row(d=5, n=3, positions=3), Scheme.dense(), None)


def example_2() -> LayerTrace:
    masks = np.array([[[1, 0, 0, 1], [0, 1, 0, 1], [1, 0, 1, 0]]], np.uint8)
    return LayerTrace.from_masks(
        "two", _row(d=4, n=4, positions=3), Scheme.nm(keep=1, of=2), masks, Approximation(8, 10, 0)
    )


def _oracle(layers: Sequence[LayerTrace], machine: Machine) -> list[dict[str, int]]:
    return oracle_image(layers, machine)


def _reference(layers: Sequence[LayerTrace], machine: Machine) -> list[dict[str, int]]:
    return [counts.as_dict() for counts in run_image(layers, machine, 0, engine="reference")]


both = pytest.mark.parametrize("simulate", [_oracle, _reference], ids=["oracle", "reference"])


@both
def test_example_1_dense(simulate: Simulate) -> None:
    machine = machine_from_yaml(EXAMPLE_1)
    (counts,) = simulate([example_1()], machine)
    expected = dict.fromkeys(counts, 0) | {
        "core_cycles": 29,
        "positions": 3,
        "blocks": 2,
        "essential_neurons": 9,
        "brick_ops_16bit": 720,
        "vpu_steps_16bit": 27,
        "precise_issue_cycles": 18,
        "mvu_idle_input_cycles": 6,
        "mvu_idle_drain_cycles": 5,
        "fetch_cycles": 9,
        "front_busy_cycles": 9,
        "front_idle_done_cycles": 20,
        "output_busy_cycles": 6,
        "input_sram_reads": 9,
        "patch_buffer_writes": 9,
        "patch_buffer_reads": 9,
        "weight_sram_reads_16bit": 27,
        "output_sram_writes": 6,
        "broadcast_register_writes": 18,
        # Block 0: 6 steps of 3 chunks of 2 words each; block 1: 3 steps.
        "weight_register_writes": 54,
        "result_buffer_writes": 9,
        "result_buffer_reads": 9,
    }
    assert counts == expected


@both
def test_example_2_nm(simulate: Simulate) -> None:
    machine = machine_from_yaml(EXAMPLE_2)
    (counts,) = simulate([example_2()], machine)
    expected = dict.fromkeys(counts, 0) | {
        "core_cycles": 43,
        "positions": 3,
        "blocks": 2,
        "essential_neurons": 6,
        "brick_ops_4bit": 3 * 4 * 8,
        "brick_ops_16bit": 6 * 4 * 16,
        "vpu_steps_4bit": 12,
        "vpu_steps_16bit": 12,
        # Blocks 0 and 1: 4 of 8 cycles issue, then 2 of 8.
        "approximate_issue_cycles": 6,
        "approximate_port_stall_cycles": 10,
        # Two chunks each: 2 of 2 cycles issue, then 1 of 2, with one bubble.
        "precise_issue_cycles": 6,
        "precise_bubble_cycles": 2,
        "mvu_idle_input_cycles": 12,
        "mvu_idle_select_cycles": 2,
        "mvu_idle_drain_cycles": 5,
        "fetch_cycles": 12,
        "projection_cycles": 18,
        "front_busy_cycles": 18,
        "front_idle_done_cycles": 25,
        "projection_accumulations": 48,
        "projected_values": 24,
        "projection_additions": 30,
        "groups_ranked": 6,
        "selector_busy_cycles": 6,
        # z~: 2 lines a position; z: two lines a position.
        "output_busy_cycles": 12,
        "output_sram_writes": 12,
        # Two groups of four sums, and two windows of each of three patches for either.
        "input_sram_reads": 12,
        # x: 64 bits, the projection: 32 bits.
        "patch_buffer_writes": 9,
        # Approximate: 4 accesses a position; precise: 1 a position, in two chunks.
        "patch_buffer_reads": 12 + 6,
        # Approximate: 4 accesses for each of 4 rows, in both blocks. Precise: 3 then 2 rows, in two chunks.
        "weight_sram_reads_4bit": 32,
        "weight_sram_reads_16bit": 10,
        "broadcast_register_writes": 3 * 8 + 3 * 2 * 2,
        "weight_register_writes": 2 * 4 * 8 + 2 * (3 + 2) * 2,
        # 12 z~, of which 6 are essential.
        "result_buffer_writes": 12 + 6,
        "result_buffer_reads": 2 * 12 + 6,
    }
    assert counts == expected


@both
def test_example_3_one_slot(simulate: Simulate) -> None:
    """Only the schedule differs from that of example 2."""
    (two,) = simulate([example_2()], machine_from_yaml(EXAMPLE_2))
    (counts,) = simulate([example_2()], machine_from_yaml(EXAMPLE_3))
    assert counts == two | {
        "core_cycles": 68,
        "mvu_idle_input_cycles": 12 + 13,
        "mvu_idle_select_cycles": 8 + 6,
        "mvu_idle_drain_cycles": 5,
        "front_idle_slot_cycles": 27,
        "front_idle_done_cycles": 68 - 45,
    }


def test_example_1_schedule() -> None:
    schedules: list[Schedule] = []
    oracle_image([example_1()], machine_from_yaml(EXAMPLE_1), schedules=schedules)
    assert schedules == [
        {
            ("fetch", 0): (0, 6),
            ("fetch", 1): (6, 9),
            ("precise", 0): (6, 18),
            ("precise", 1): (18, 24),
            ("write z", 0): (21, 25),
            ("write z", 1): (27, 29),
        }
    ]


def test_example_2_schedule() -> None:
    schedules: list[Schedule] = []
    oracle_image([example_2()], machine_from_yaml(EXAMPLE_2), schedules=schedules)
    assert schedules == [
        {
            ("fetch", 0): (0, 12),
            ("fetch", 1): (12, 18),
            ("approximate", 0): (12, 20),
            ("approximate", 1): (20, 28),
            ("select", 0): (23, 27),
            ("mask", 0): (28, 28),
            ("select", 1): (31, 33),
            ("mask", 1): (34, 34),
            ("write z~", 0): (23, 27),
            ("write z~", 1): (31, 33),
            ("precise", 0): (28, 32),
            ("precise", 1): (34, 38),
            ("write z", 0): (35, 39),
            ("write z", 1): (41, 43),
        }
    ]


def test_example_3_schedule() -> None:
    schedules: list[Schedule] = []
    oracle_image([example_2()], machine_from_yaml(EXAMPLE_3), schedules=schedules)
    (schedule,) = schedules
    second = {kind: span for (kind, block), span in schedule.items() if block == 1}
    assert second == {
        "fetch": (39, 45),
        "approximate": (45, 53),
        "write z~": (56, 58),
        "select": (56, 58),
        "mask": (59, 59),
        "precise": (59, 63),
        "write z": (66, 68),
    }


def _coded(projection: str, extra: str = "") -> str:
    """Example 2's machine with codes of pixels."""
    return (
        EXAMPLE_2.replace("projection: {lanes: 4, quantizers: 4}", f"projection: {projection}")
        .replace("spare_vpus: idle", f"spare_vpus: idle{extra}")
        .rstrip()
        + "\ncode_sram: {kib: 1, macro_kib: 1, width_bits: 16, banks: 1}\n"
    )


EXAMPLE_5 = "\n".join(
    line for line in _coded("{form: none, quantizers: 2}").splitlines() if not line.startswith("selector")
)
EXAMPLE_6 = _coded("{form: pixel, lanes: 2, quantizers: 2}", ", precise_bits: [16, 8]")


def example_5() -> LayerTrace:
    shape = _row(d=4, n=4, positions=3)
    return LayerTrace.from_masks("five", shape, Scheme.all_noise(), None, Approximation(4, 0, 0, "none"))


def example_6() -> LayerTrace:
    shape = LayerShape(kind="conv", c_in=2, c_out=4, kernel=(1, 2), h_in=1, w_in=4)
    scheme = Scheme.nm(keep=1, of=2, precise_bits=8)
    masks = np.array([[[1, 0, 0, 1], [0, 1, 0, 1], [1, 0, 1, 0]]], np.uint8)
    return LayerTrace.from_masks("six", shape, scheme, masks, Approximation(4, 3, 1, "pixel"))


@both
def test_example_5_noise_100_without_a_projection(simulate: Simulate) -> None:
    (counts,) = simulate([example_5()], machine_from_yaml(EXAMPLE_5))
    assert counts == dict.fromkeys(counts, 0) | {
        "core_cycles": 29,
        "code_pass_cycles": 6,
        "positions": 3,
        "blocks": 2,
        "brick_ops_4bit": 3 * 4 * 4,
        "vpu_steps_4bit": 12,
        "approximate_issue_cycles": 6,
        "approximate_port_stall_cycles": 10,
        "mvu_idle_input_cycles": 2,
        "mvu_idle_drain_cycles": 5,
        "fetch_cycles": 3,
        "front_busy_cycles": 3,
        "front_idle_done_cycles": 20,
        "projected_values": 12,
        "output_busy_cycles": 6,
        "input_sram_reads": 6,
        "code_sram_writes": 3,
        "code_sram_reads": 3,
        "patch_buffer_writes": 3,
        "patch_buffer_reads": 12,
        "weight_sram_reads_4bit": 32,
        "weight_register_writes": 8 * 8,
        "broadcast_register_writes": 3 * 8,
        "result_buffer_writes": 12,
        "result_buffer_reads": 12,
        "output_sram_writes": 6,
    }


@both
def test_example_6_pixels_and_8_bits(simulate: Simulate) -> None:
    (counts,) = simulate([example_6()], machine_from_yaml(EXAMPLE_6))
    assert counts == dict.fromkeys(counts, 0) | {
        "core_cycles": 41,
        "code_pass_cycles": 8,
        "positions": 3,
        "blocks": 2,
        "essential_neurons": 6,
        "brick_ops_4bit": 3 * 4 * 4,
        "brick_ops_8bit": 96,
        "vpu_steps_4bit": 12,
        "vpu_steps_8bit": 6,
        "approximate_issue_cycles": 6,
        "approximate_port_stall_cycles": 10,
        "precise_issue_cycles": 3,
        "precise_port_stall_cycles": 3,
        "mvu_idle_input_cycles": 4,
        "mvu_idle_select_cycles": 2,
        "mvu_idle_drain_cycles": 5,
        "fetch_cycles": 6,
        "front_busy_cycles": 6,
        "front_idle_done_cycles": 27,
        "projection_additions": 12,
        "projection_accumulations": 8,
        "projected_values": 8,
        "groups_ranked": 6,
        "selector_busy_cycles": 6,
        "output_busy_cycles": 12,
        "input_sram_reads": 4 + 3,
        "code_sram_writes": 4,
        "code_sram_reads": 3,
        "patch_buffer_writes": 6,
        "patch_buffer_reads": 12 + 6,
        "weight_sram_reads_4bit": 32,
        "weight_sram_reads_8bit": 10,
        # Eight words to a chunk of codes, four to one of 8 bits.
        "weight_register_writes": 8 * 8 + 5 * 4,
        "broadcast_register_writes": 3 * 8 + 3 * 4,
        "result_buffer_writes": 12 + 6,
        "result_buffer_reads": 2 * 12 + 6,
        "output_sram_writes": 12,
    }
