"""Layers of spiking neurons: oracle, reference and compiled engine on seeded cases, and cases worked by hand."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import numpy as np
import pytest

from accelsim.config import Machine
from accelsim.engine import run_image
from accelsim.errors import AccelsimError
from accelsim.mapping import tile_layer
from accelsim.trace import LayerShape, LayerTrace, Scheme
from tests.engine.strategies import Case, small_machine, spiking_case
from tests.engine.test_compiled import differences
from tests.engine.test_oracle import check
from tests.oracles.layout import DoesNotFit, lay_out

RANDOM_CASES = 120
EVENT_DRIVEN = {"skip_silent_chunks": True, "noise_generators": False}
DENSE = {"skip_silent_chunks": False, "noise_generators": False}


def features(case: Case, counts: list[dict[str, int]]) -> set[str]:
    """Which kinds of spiking layers and events happen in a case."""
    machine, seen = case.machine, set()
    tiles = lay_out(case.layers, machine, case.image)
    for layer, made in zip(case.layers, counts, strict=True):
        if layer.shape.kind not in ("current", "spiking"):
            continue
        seen.add(layer.shape.kind)
        seen |= {name for name in ("noise_draws", "event_walks", "membrane_reads") if made[name]}
        if not made["membrane_reads"]:
            seen.add("no membrane reads")
        if layer.shape.has_spikes and not made["spike_additions"]:
            seen.add("a silent layer")
        mine = [tile for tile in tiles if tile.layer == case.layers.index(layer)]
        if len(mine) > 1:
            seen.add("several tiles")
        if layer.shape.has_spikes:
            seen |= {"several lanes" for tile in mine if tile.lanes > 1}
            seen |= {"several blocks" for tile in mine if len(tile.core_blocks[0]) > 1}
            seen |= {"several cores"} if machine.cores > 1 else set()
            rows = -(-layer.shape.n // machine.mvu.vpus)
            if rows > machine.mvu.accumulators_per_vpu // machine.mvu.position_block:
                seen.add("several passes")
    return seen


ALL_FEATURES = {
    "current", "spiking", "noise_draws", "event_walks", "membrane_reads", "no membrane reads", "a silent layer",
    "several tiles", "several lanes", "several blocks", "several cores", "several passes",
}  # fmt: skip


def test_random_cases_agree_and_reach_every_corner() -> None:
    seen: Counter[str] = Counter()
    for seed in range(RANDOM_CASES):
        case = spiking_case(Random(seed))
        seen.update(features(case, check(case.layers, case.machine, case.image)))
        assert differences(case.layers, case.machine, case.image) == {}, seed
    assert all(seen[feature] >= 3 for feature in ALL_FEATURES), seen


def worked_machine(spiking: dict[str, bool], **changes: Any) -> Machine:
    """One core, V = 2, L = 2, A = 4, T = 2 (two rows a pass), D = 3, R = 2, all ports 32 bits."""
    mvu = {
        "vpus": 2,
        "bricks_per_vpu": 32,
        "accumulators_per_vpu": 4,
        "position_block": 2,
        "pipeline_depth_cycles": 3,
        "accumulate_latency_cycles": 2,
        "hold_weights": False,
        "spare_vpus": "idle",
    }
    sequencer = {"lookahead": 1, "mvu_order": "approximate_first"}
    off = {"projection": None, "selector": None}
    return small_machine(**({"mvu": mvu, "sequencer": sequencer, "spiking": spiking} | off | changes))


SPIKES = np.array([[[1, 0, 0, 0, 0], [0, 1, 0, 0, 1], [0, 0, 0, 0, 0]]], np.bool_)


def test_example_4_of_machine_md() -> None:
    """Five inputs, three neurons, three steps; the third is silent."""
    layer = LayerTrace.from_spikes("spikes", LayerShape.spiking(5, 3, 3), SPIKES)
    for spiking, expected in ((DENSE, DENSE_COUNTS), (EVENT_DRIVEN, EVENT_COUNTS)):
        machine = worked_machine(spiking)
        (counts,) = check([layer], machine)
        assert differences([layer], machine) == {}
        assert {name: counts[name] for name in expected} == expected


SHARED_COUNTS = {
    "spike_additions": 9,
    "brick_ops_16bit": 0,
    "vpu_steps_16bit": 0,
    "input_sram_reads": 3,
    "membrane_updates": 9,
    "membrane_reads": 4,
    "membrane_writes": 4,
    "output_sram_writes": 3,
    "output_busy_cycles": 6 + 5,
}
DENSE_COUNTS = SHARED_COUNTS | {
    "core_cycles": 28,
    "precise_issue_cycles": 12 + 6,
    "precise_bubble_cycles": 0,
    "vpu_steps_1bit": 27,
    "weight_sram_reads_16bit": 27,
    "patch_buffer_reads": 6,
    "event_walks": 0,
}
EVENT_COUNTS = SHARED_COUNTS | {
    "core_cycles": 22,
    "precise_issue_cycles": 6,
    "precise_bubble_cycles": 1,
    "vpu_steps_1bit": 9,
    "weight_sram_reads_16bit": 9,
    "patch_buffer_reads": 2,
    "event_walks": 5,
}


def test_words_that_stay_the_same_are_multiplied_once() -> None:
    """One position, and at the output port all steps: two lines of words, three steps of a line of spikes."""
    layer = LayerTrace.from_masks("image", LayerShape.current(5, 3, 3), Scheme.dense(), None)
    (counts,) = check([layer], worked_machine(EVENT_DRIVEN))
    assert counts["brick_ops_16bit"] == 3 * 5 * 16
    assert counts["membrane_updates"] == 9
    assert counts["membrane_reads"] == counts["membrane_writes"] == counts["spike_additions"] == 0
    assert counts["output_sram_writes"] == 3
    assert counts["output_busy_cycles"] == 3 * 2


def test_noise_levels_are_read_beside_the_potentials() -> None:
    machine = worked_machine({"skip_silent_chunks": True, "noise_generators": True})
    layer = LayerTrace.from_spikes("spikes", LayerShape.spiking(5, 3, 3, noise=True), SPIKES)
    (counts,) = check([layer], machine)
    assert counts["noise_draws"] == 9
    assert counts["membrane_reads"] == 2 * 4


def test_the_first_core_has_all_steps() -> None:
    layer = LayerTrace.from_spikes("spikes", LayerShape.spiking(5, 3, 3), SPIKES)
    (alone,) = check([layer], worked_machine(EVENT_DRIVEN))
    for split in ("contiguous", "interleaved"):
        machine = worked_machine(EVENT_DRIVEN, cores=3, split=split)
        (counts,) = check([layer], machine)
        assert differences([layer], machine) == {}
        assert counts["core_cycles"] == 3 * alone["core_cycles"]
        assert counts["barrier_cycles"] == 2 * alone["core_cycles"]


@pytest.mark.parametrize(
    ("spiking", "noise", "message"),
    [
        (None, False, "machine small has no section spiking and runs no layers of kind spiking"),
        (DENSE, True, "its neurons add noise, and machine small has no spiking.noise_generators"),
    ],
)
def test_a_machine_without_the_hardware_refuses(
    spiking: dict[str, bool] | None, noise: bool, message: str
) -> None:
    layer = LayerTrace.from_spikes("spikes", LayerShape.spiking(5, 3, 3, noise=noise), SPIKES)
    machine = small_machine(spiking=spiking)
    for engine in ("reference", "compiled"):
        with pytest.raises(AccelsimError, match=message):
            run_image([layer], machine, 0, engine=engine)
    with pytest.raises(DoesNotFit):
        lay_out([layer], machine, 0)


@pytest.mark.parametrize("memory", ["input_sram", "patch_buffer", "output_sram"])
def test_what_does_not_fit_is_an_error(memory: str) -> None:
    layer = LayerTrace.from_spikes(
        "large", LayerShape.spiking(3000, 40, 600), np.zeros((1, 600, 3000), np.bool_)
    )
    large = {name: {"kib": 4096} for name in ("weight_sram", "input_sram", "patch_buffer", "output_sram")}
    machine = worked_machine(DENSE, **(large | {memory: {"kib": 1}}))
    with pytest.raises(AccelsimError, match=memory):
        tile_layer(layer, machine)
    with pytest.raises(DoesNotFit, match=memory):
        lay_out([layer], machine, 0)
    tile_layer(layer, worked_machine(DENSE, **large))
