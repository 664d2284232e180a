"""What can be built, and that the least depths of docs/machine.md, section 12, are the least."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

pytest.importorskip("amaranth")
pytest.importorskip("torch")

from accelsim.config import Machine, load_machine
from accelsim.errors import AccelsimError
from accelsim.nn.fixed_point.layer_operands import CoreOperands, NoiseOperands, Scale, Threshold
from accelsim.rtl.core.core_shape import CoreShape, Limits, core_shape
from accelsim.rtl.layer_program import layer_programs
from accelsim.rtl.rtl_simulation import AmaranthRunner, run_layer
from accelsim.rtl.validation.random_cases import differences, random_machine, with_further_modes
from tests.rtl.machines import small_machine

SMALL = Limits(rows_per_vpu=4, codes=32, sign_rows=64)

WIDE = {"weight_sram": {"width_bits": 128}, "patch_buffer": {"width_bits": 128}}
"""Ports that bring a chunk in one access, so that a job's last step is in its last cycle."""


def quick(**mvu: int) -> Machine:
    return small_machine(**WIDE, mvu={"accumulate_latency_cycles": 1, **mvu})


def layer(n: int = 4, size: int = 3) -> CoreOperands:
    """A 1x1 layer of 4 channels with k = 32 (one chunk, so that reads meet the last y written) and mixed masks."""
    rng = np.random.default_rng(7)
    noise = NoiseOperands(
        signs=rng.integers(-1, 2, (32, 4)).astype(np.int8),
        y_multiplier=40000,
        y_shift=24,
        codes=rng.integers(-7, 8, (n, 32)).astype(np.int8),
        multipliers=np.full(n, 1000, np.int64),
        terms=np.zeros(n, np.int64),
        shift=4,
        selection=Threshold(2000),
    )
    return CoreOperands(
        x=rng.integers(-3000, 3001, (4, size, size)).astype(np.int16),
        kernel=(1, 1),
        stride=(1, 1),
        padding=(0, 0),
        w=rng.integers(-3000, 3001, (n, 4)).astype(np.int16),
        terms=np.zeros(n, np.int64),
        shift=12,
        noise=noise,
    )


def test_shallower_pipelines_are_refused_in_one_line() -> None:
    least = CoreShape(small_machine(), Limits()).depth_least
    with pytest.raises(AccelsimError, match=rf"mvu.pipeline_depth_cycles: {least - 1} .* at least {least}$"):
        core_shape(small_machine(mvu={"pipeline_depth_cycles": least - 1}))
    assert core_shape(small_machine(mvu={"pipeline_depth_cycles": least})).depth_least == least
    with pytest.raises(AccelsimError, match=r"selector.latency_cycles: 1 cannot be built"):
        core_shape(small_machine(selector={"latency_cycles": 1}))
    with pytest.raises(
        AccelsimError, match=r"projection.quantizers: 3 cannot be built; must divide the 16 codes"
    ):
        core_shape(small_machine(projection={"lanes": 6, "quantizers": 3}))


def rows_of(kernel_rows: int) -> dict[str, Any]:
    """A dense layer's weights and map for a kernel of so many rows."""
    return {
        "w": np.ones((1, 4 * kernel_rows), np.int16),
        "x": np.ones((4, kernel_rows, 1), np.int16),
        "terms": np.zeros(1, np.int64),
        "noise": None,
    }


def test_a_tile_that_does_not_end_is_told() -> None:
    shape = core_shape(small_machine(), SMALL)
    with pytest.raises(AccelsimError, match="the RTL did not end a tile within 5 cycles"):
        run_layer(layer(n=2, size=1), shape, AmaranthRunner(shape, cycle_limit=5))


def differs(machine: Machine) -> bool:
    """Whether the RTL differs on one position, all of whose outputs are selected in the first cycle.

    Made without `core_shape`, which would refuse machines that are too shallow.
    """
    shape = CoreShape(machine, SMALL)
    return bool(differences(layer(n=2, size=1), shape, AmaranthRunner(shape))[0])


def test_the_least_depth_is_enough_and_no_less_is() -> None:
    least = CoreShape(quick(), SMALL).depth_least
    assert not differs(quick(pipeline_depth_cycles=least))
    assert differs(quick(pipeline_depth_cycles=least - 1))


def test_the_least_selector_latency_is_enough_and_no_less_is() -> None:
    least = CoreShape(small_machine(), SMALL).selector_latency_least
    assert not differs(small_machine(selector={"latency_cycles": least}))
    assert differs(small_machine(selector={"latency_cycles": least - 1}))


def test_the_least_latency_of_a_selector_that_scales_is_enough_and_no_less_is() -> None:
    scaling = {"scales": True, "latency_cycles": 9}
    least = CoreShape(small_machine(selector=scaling), SMALL).selector_latency_least
    assert not differs(small_machine(selector=scaling | {"latency_cycles": least}))
    assert differs(small_machine(selector=scaling | {"latency_cycles": least - 1}))


SCALE = Scale(np.array([-300, 20000, 7, -5]), np.array([5, -900_000, 0, 70_000]), 9)

BYTES = {"mvu": {"precise_bits": [16, 8]}}


def in_bytes(operands: CoreOperands) -> CoreOperands:
    """The layer with x and w of 8 bits, a multiplier for each row, and about the same y."""
    assert operands.noise is not None
    return replace(
        with_noise(operands, y_shift=operands.noise.y_shift - 5),
        x=operands.x >> 5,
        w=operands.w >> 5,
        precise_bits=8,
        multipliers=np.array([40000, 3, 900, 65535]),
    )


def with_noise(operands: CoreOperands, **changes: Any) -> CoreOperands:
    """The layer with other noise operands."""
    assert operands.noise is not None
    return replace(operands, noise=replace(operands.noise, **changes))


MISTAKES: dict[str, tuple[dict[str, Any], CoreOperands, str, Callable[[Any], Any]]] = {
    "a full block's rows in every pass": (
        {"mvu": {"accumulators_per_vpu": 2}},
        layer(size=3),
        "rows_in_pass",
        lambda rows: (0, *[rows[-1]] * (len(rows) - 1)),
    ),
    "a byte chunk of as many values as words": (
        BYTES,
        in_bytes(layer(size=2)),
        "chunk_values",
        lambda values: (values[0], values[2], values[2]),
    ),
    "whole windows for projections of bytes": (
        BYTES,
        in_bytes(layer(size=2)),
        "halves_windows",
        lambda halves: False,
    ),
    "scores a cycle early": (
        {"selector": {"scales": True, "latency_cycles": 9}},
        with_noise(layer(size=2), scale=SCALE, signed=True, selection=Threshold(-20)),
        "score_latency",
        lambda latency: latency - 1,
    ),
}
"""For each mistake a machine, a layer on which it shows, the property of the core's shape that is wrong, and how."""


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_in_the_rules_of_modes_and_scores_are_seen(
    mistake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes, operands, name, wrong = MISTAKES[mistake]
    shape = core_shape(small_machine(**changes), SMALL)
    assert not differences(operands, shape, AmaranthRunner(shape))[0]
    right = getattr(CoreShape, name).fget
    monkeypatch.setattr(CoreShape, name, property(lambda shape: wrong(right(shape))))
    assert differences(operands, shape, AmaranthRunner(shape))[0]


def test_steps_a_cycle_earlier_meet_operands_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    enough = CoreShape.step_skew.fget  # type: ignore[attr-defined]
    monkeypatch.setattr(CoreShape, "step_skew", property(lambda shape: enough(shape) - 1))
    assert differs(quick())


@pytest.mark.parametrize(
    ("operands", "changes", "limits", "said"),
    [
        (layer(n=9), {}, SMALL, "a VPU owns 5 rows of a tile; limits.rows_per_vpu is 4"),
        (replace(layer(), kernel=(8, 1), **rows_of(8)), {}, SMALL, "at most 7"),
        (layer(), {}, replace(SMALL, codes=31), "a projection of 32 codes; limits.codes is 31"),
        (layer(), {}, replace(SMALL, sign_rows=15), "P takes 16 rows of signs; limits.sign_rows is 15"),
    ],
)
def test_layers_beyond_the_limits(operands: CoreOperands, changes: dict, limits: Limits, said: str) -> None:
    shape = core_shape(small_machine(**changes), limits)
    with pytest.raises(AccelsimError, match=said):
        list(layer_programs(operands, shape))


def stages(terms: int) -> int:
    """ts of docs/machine.md, section 12, for up to 4,096 terms."""
    return 0 if terms == 1 else 1 if terms <= 16 else 2 if terms <= 256 else 3


@pytest.mark.parametrize("seed", range(30))
def test_depths_are_those_of_the_document(seed: int) -> None:
    kinds = ("dense", "threshold", "nm")
    kind = kinds[seed % 3]
    machine = random_machine(Random(seed), kind)
    if seed % 2:
        machine = with_further_modes(Random(seed), machine)
    mvu, window = machine.mvu, machine.input_sram.banks * machine.input_sram.width_bits // 16
    bricks = {16: 1, 8: 2, 4: 4}  # bits of a chunk per brick, by precision
    shortest = min(mvu.precise_bits) if kind == "dense" else 4
    bits = bricks[shortest] * mvu.bricks_per_vpu
    reads = -(-mvu.position_block * bits // machine.patch_buffer.width_bits)
    accesses = -(-bits // machine.weight_sram.width_bits)
    front = 6 + stages(window) if machine.form == "patch" else 2
    skew = max(front + reads + 1, accesses + 1)
    shape = CoreShape(machine, Limits())
    assert shape.depth_least == skew + 6 + stages(mvu.lanes) + min(mvu.accumulate_latency_cycles, 2)
    latency = {"dense": 0, "threshold": 2, "nm": 3}[kind] + 3 * shape.scales_scores
    assert shape.selector_latency_least == (latency if machine.selector is not None else 0)


@pytest.mark.parametrize(
    "name",
    [
        "dense", "dense-int", "int4", "structured", "structured-none", "structured-pixel", "structured-single",
        "unstructured", "unstructured-none", "unstructured-pixel", "unstructured-single",
    ],
)  # fmt: skip
def test_shipped_machines_can_be_built(name: str) -> None:
    assert core_shape(load_machine(name)).vpus > 0
