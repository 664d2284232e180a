"""The reference engine against the oracle: all counts, of random cases and of cases chosen by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import event, given, settings

from accelsim.config import Machine
from accelsim.engine import run_image
from accelsim.errors import AccelsimError
from accelsim.mapping import tile_layer
from accelsim.mapping.capacity import TooSmall
from accelsim.trace import Approximation, LayerShape, LayerTrace, Scheme
from tests.engine.strategies import Case, cases, random_case, small_machine
from tests.oracles.jobs import active_rows
from tests.oracles.layout import DoesNotFit, lay_out
from tests.oracles.per_cycle import oracle_image

RANDOM_CASES = 250


def check(layers: Sequence[LayerTrace], machine: Machine, image: int = 0) -> list[dict[str, int]]:
    """Compare every count of every layer; returns them."""
    expected = oracle_image(layers, machine, image)
    actual = [counts.as_dict() for counts in run_image(layers, machine, image, engine="reference")]
    assert len(actual) == len(expected)
    different = {
        (number, name): f"engine {got[name]}, oracle {want[name]}"
        for number, (got, want) in enumerate(zip(actual, expected, strict=True))
        for name in want
        if got[name] != want[name]
    }
    assert different == {}
    return expected


@settings(max_examples=300, deadline=None)
@given(case=cases())
def test_random_networks(case: Case) -> None:
    for feature in sorted(features(case, check(case.layers, case.machine, case.image))):
        event(feature)


def test_random_cases_reach_every_corner() -> None:
    seen: Counter[str] = Counter()
    for seed in range(RANDOM_CASES):
        case = random_case(Random(seed))
        seen.update(features(case, check(case.layers, case.machine, case.image)))
    assert all(seen[feature] >= 3 for feature in FEATURES), seen


FEATURES = (
    "several tiles",
    "kept projections",
    "projections not kept",
    "several lanes",
    "several passes",
    "a core without blocks",
    "a block without essential neuron",
    "a partial N:M group",
    "grouped convolution",
    "dense layer among approximated ones",
    "approximate_port_stall_cycles",
    "approximate_bubble_cycles",
    "precise_port_stall_cycles",
    "precise_bubble_cycles",
    "mvu_idle_input_cycles",
    "mvu_idle_select_cycles",
    "front_idle_slot_cycles",
    "barrier_cycles",
    "dram_cycles",
    "a load that hides",
)


def features(case: Case, counts: Sequence[dict[str, int]]) -> set[str]:
    """Which of FEATURES happen in a case."""
    tiles = lay_out(case.layers, case.machine, case.image)
    machine, layers = case.machine, case.layers
    psums = machine.mvu.accumulators_per_vpu // machine.mvu.position_block
    seen = {name for layer in counts for name, count in layer.items() if count}
    if len(tiles) > sum(layer.shape.groups for layer in layers):
        seen.add("several tiles")
    if machine.dram is not None and len(tiles) > 1 and counts[-1]["dram_cycles"] == 0:
        seen.add("a load that hides")
    if any(layer.shape.groups > 1 for layer in layers):
        seen.add("grouped convolution")
    if len({layer.is_dense for layer in layers}) == 2:
        seen.add("dense layer among approximated ones")
    for layer in layers:
        if layer.scheme.kind == "nm" and layer.shape.n // layer.shape.groups % layer.scheme.of:
            seen.add("a partial N:M group")
    for before, tile in zip([None, *tiles], tiles, strict=False):
        if not tile.is_dense and not tile.projects:
            seen.add("kept projections")
        if before and before.layer == tile.layer and tile.projects and layers[tile.layer].shape.groups == 1:
            seen.add("projections not kept")
        if tile.lanes > 1:
            seen.add("several lanes")
        if not all(tile.core_blocks):
            seen.add("a core without blocks")
        for block in (block for blocks in tile.core_blocks for block in blocks):
            if not any(tile.essential[position] for position in block):
                seen.add("a block without essential neuron")
            rows = active_rows(tile, block, machine.mvu.vpus, essential_only=True)
            if any(len(todo) > psums for todo in rows.values()):
                seen.add("several passes")
    return seen


def conv(d: int, n: int, positions: int, groups: int = 1) -> LayerShape:
    """A 1 x 1 convolution; d inputs a neuron."""
    return LayerShape(
        kind="conv", c_in=d * groups, c_out=n, kernel=(1, 1), groups=groups, h_in=1, w_in=positions
    )


def masked(shape: LayerShape, density: float = 0.4, k: int = 8, nnz: int = 10) -> LayerTrace:
    draw = np.random.default_rng(1)
    masks = draw.random((1, shape.positions, shape.n)) < density
    return LayerTrace.from_masks(
        "masked", shape, Scheme.unstructured(0.5, scope="calibrated"), masks, Approximation(k, nnz, 0)
    )


def dense(shape: LayerShape) -> LayerTrace:
    return LayerTrace.from_masks("dense", shape, Scheme.dense(), None)


def tiles_of(layers: Sequence[LayerTrace], machine: Machine) -> int:
    return len(lay_out(layers, machine, 0))


ONE_KIB = {"kib": 1}


@pytest.mark.parametrize("layer", [dense(conv(32, 40, 7)), masked(conv(32, 40, 7))], ids=["dense", "masked"])
@pytest.mark.parametrize("hold", [True, False])
def test_several_tiles(layer: LayerTrace, hold: bool) -> None:
    machine = small_machine(weight_sram=ONE_KIB, mvu={"hold_weights": hold})
    assert tiles_of([layer], machine) >= 3
    (counts,) = check([layer], machine)
    assert counts["positions"] == 7 and counts["blocks"] > 7 // 2


@pytest.mark.parametrize(("patch_kib", "times_projected"), [(16, 1), (1, 4)])
def test_projections_are_kept_if_they_fit(patch_kib: int, times_projected: int) -> None:
    """A row takes 544 bits, so 3 fit a slice of 2048 bits and 40 make 4 tiles.

    4 patches take 4 * (16 + 1) lines and 220 projections 220 more: together more than the 256 of 1 KiB.
    """
    layer = masked(conv(32, 40, 220), k=8, nnz=12)
    machine = small_machine(weight_sram=ONE_KIB, patch_buffer={"kib": patch_kib}, output_sram={"kib": 32})
    assert tiles_of([layer], machine) == 4
    (counts,) = check([layer], machine)
    assert counts["projection_additions"] == 220 * 12 * times_projected


@pytest.mark.parametrize(("n", "lanes"), [(1, 3), (2, 3), (3, 3), (4, 2), (5, 1), (9, 1), (10, 1)])
@pytest.mark.parametrize("positions", [1, 7, 13])
@pytest.mark.parametrize("hold", [True, False])
def test_lanes(n: int, lanes: int, positions: int, hold: bool) -> None:
    """As many copies of the rows as 9 VPUs hold, and no more than a block has positions."""
    layer = masked(conv(6, n, positions))
    machine = small_machine(mvu={"vpus": 9, "position_block": 3, "hold_weights": hold})
    assert lay_out([layer], machine, 0)[0].lanes == lanes
    check([layer], machine)


@pytest.mark.parametrize("groups", [2, 3, 12])
@pytest.mark.parametrize("spare", ["idle", "share"])
def test_grouped_convolution(groups: int, spare: str) -> None:
    layer = masked(conv(9, 12, 5, groups))
    machine = small_machine(mvu={"spare_vpus": spare})
    assert tiles_of([layer], machine) == groups
    (counts,) = check([layer], machine)
    assert counts["positions"] == 5


def test_groups_of_nm_restart_at_each_convolution_group() -> None:
    """Two sub-layers of 5 neurons: groups of 2, 2 and 1 in each."""
    keep = [1, 0, 0, 1, 1, 0, 1, 1, 0, 1]
    layer = LayerTrace.from_masks(
        "nm",
        conv(4, 10, 3, groups=2),
        Scheme.nm(keep=1, of=2),
        np.array([[keep, keep, keep]], np.uint8),
        Approximation(4, 4, 0),
    )
    machine = small_machine(
        selector={"kind": "nm", "groups_per_cycle": 1, "latency_cycles": 1, "max_of": 2}, mvu={"vpus": 2}
    )
    (counts,) = check([layer], machine)
    assert counts["groups_ranked"] == 3 * 6
    assert counts["essential_neurons"] == 3 * 6


DRAM = {"bytes_per_cycle": 4, "latency_cycles": 10, "pj_per_bit": 1.0, "source": "none"}


def test_dram_is_exposed_when_tiles_fill_the_slices() -> None:
    """A slice has 2730 bits, so 5 rows of 512, and each layer needs 4: a load waits for the tile before."""
    layer = dense(conv(32, 12, 2))
    machine = small_machine(weight_sram=ONE_KIB, mvu={"vpus": 3}, dram=DRAM)
    assert tiles_of([layer, layer], machine) == 2
    first, second = check([layer, layer], machine)
    load = 10 + 12 * 512 // 8 // 4
    assert first["dram_cycles"] == second["dram_cycles"] == load
    assert first["dram_bits"] == 12 * 512


def test_dram_prefetches_what_fits_beside() -> None:
    layer = dense(conv(32, 12, 30))
    machine = small_machine(mvu={"vpus": 3}, dram=DRAM)
    first, second, third = check([layer, layer, layer], machine)
    assert first["dram_cycles"] == 10 + 12 * 512 // 8 // 4
    assert second["dram_cycles"] == third["dram_cycles"] == 0


@pytest.mark.parametrize(("n", "hidden"), [(8, True), (9, False)])
def test_dram_prefetches_up_to_the_last_bit_of_a_slice(n: int, hidden: bool) -> None:
    """A slice of 2048 bits holds 4 rows of 512: two of either layer fit exactly, three do not."""
    layer = dense(conv(32, n, 20))
    _, second = check([layer, layer], small_machine(weight_sram=ONE_KIB, dram=DRAM))
    assert (second["dram_cycles"] == 0) == hidden


def test_dram_prefetch_that_is_late() -> None:
    layer = dense(conv(32, 12, 1))
    machine = small_machine(mvu={"vpus": 3}, dram={**DRAM, "latency_cycles": 200})
    first, second = check([layer, layer], machine)
    assert 0 < second["dram_cycles"] < first["dram_cycles"]


@pytest.mark.parametrize("cores", [2, 3, 5])
@pytest.mark.parametrize("split", ["contiguous", "interleaved"])
def test_several_cores(cores: int, split: str) -> None:
    layers = [masked(conv(9, 12, 7)), dense(conv(5, 6, 11)), masked(conv(6, 4, 3))]
    machine = small_machine(cores=cores, split=split, mvu={"spare_vpus": "idle"})
    counts = check(layers, machine)
    assert all(layer["core_cycles"] % cores == 0 for layer in counts)


@pytest.mark.parametrize("split", ["contiguous", "interleaved"])
def test_cores_without_blocks_wait_at_the_barrier(split: str) -> None:
    layer = masked(LayerShape.linear(20, 9))
    machine = small_machine(cores=3, split=split)
    (counts,) = check([layer], machine)
    assert counts["blocks"] == 1
    assert counts["barrier_cycles"] * 3 == counts["core_cycles"] * 2


@pytest.mark.parametrize("lookahead", [0, 1, 3])
def test_positions_without_essential_neurons(lookahead: int) -> None:
    shape = conv(6, 8, 9)
    masks = np.zeros((1, 9, 8), np.bool_)
    masks[0, [2, 3, 8], 5] = True
    layer = LayerTrace.from_masks(
        "some", shape, Scheme.unstructured(0.9, scope="calibrated"), masks, Approximation(8, 10, 0)
    )
    machine = small_machine(sequencer={"lookahead": lookahead})
    (counts,) = check([layer], machine)
    assert counts["essential_neurons"] == 3


@pytest.mark.parametrize("lookahead", [0, 2])
@pytest.mark.parametrize("latency", [0, 1, 40])
def test_no_essential_neuron_at_all(lookahead: int, latency: int) -> None:
    machine = small_machine(sequencer={"lookahead": lookahead}, selector={"latency_cycles": latency})
    (counts,) = check([masked(conv(6, 8, 9), density=0.0)], machine)
    assert counts["brick_ops_16bit"] == counts["precise_issue_cycles"] == 0
    assert counts["brick_ops_4bit"] == 9 * 8 * 8


@pytest.mark.parametrize("density", [0.0, 0.05, 0.4])
@pytest.mark.parametrize("lookahead", [0, 1, 3])
@pytest.mark.parametrize("dense_too", [False, True])
def test_a_slow_output_port_holds_the_slots(density: float, lookahead: int, dense_too: bool) -> None:
    """One word a cycle leaves the core, and a block keeps its slot until its last has."""
    slow = small_machine(
        output_sram={"width_bits": 16},
        sequencer={"lookahead": lookahead},
        mvu={"bricks_per_vpu": 64, "vpus": 10},
        weight_sram={"width_bits": 256},
        patch_buffer={"width_bits": 256},
        selector={"comparators": 16},
        projection={"lanes": 40, "quantizers": 40},
    )
    layers = [masked(conv(4, 40, 20), density), *([dense(conv(4, 40, 20))] if dense_too else [])]
    counts = check(layers, slow)
    for layer in counts:
        assert layer["output_busy_cycles"] >= 20 * 40
        assert layer["front_idle_slot_cycles"] > 0
    if lookahead:  # then the port is never without work once it has begun
        assert counts[0]["core_cycles"] - counts[0]["output_busy_cycles"] < 40 * (2 - (density > 0.1)) + 40


@pytest.mark.parametrize("order", ["approximate_first", "precise_first"])
@pytest.mark.parametrize("lookahead", [0, 1, 2, 3])
@pytest.mark.parametrize("latency", [0, 7])
def test_orders_and_lookahead(order: str, lookahead: int, latency: int) -> None:
    machine = small_machine(
        sequencer={"lookahead": lookahead, "mvu_order": order}, selector={"latency_cycles": latency}
    )
    check([masked(conv(7, 10, 17))], machine)


@pytest.mark.parametrize("depth", [0, 1, 20])
@pytest.mark.parametrize("accumulate", [1, 9])
def test_latencies(depth: int, accumulate: int) -> None:
    mvu = {"pipeline_depth_cycles": depth, "accumulate_latency_cycles": accumulate}
    check([masked(conv(7, 10, 9)), dense(conv(7, 10, 9))], small_machine(mvu=mvu))


def test_a_dense_layer_of_an_nm_network_owns_single_rows() -> None:
    """It has no groups to keep together: 8 rows on 8 VPUs take one step a position."""
    layer = LayerTrace.from_masks("dense", conv(5, 8, 2), Scheme.nm(keep=1, of=4), None)
    machine = small_machine(
        mvu={"vpus": 8},
        selector={"kind": "nm", "groups_per_cycle": 1, "latency_cycles": 1, "max_of": 4},
    )
    (counts,) = check([layer], machine)
    assert counts["precise_issue_cycles"] == 2 * 3


@pytest.mark.parametrize(
    "changes",
    [
        {"weight_sram": ONE_KIB, "mvu": {"vpus": 16}},
        {"patch_buffer": ONE_KIB, "sequencer": {"lookahead": 7}},
        {"input_sram": ONE_KIB},
        {"output_sram": ONE_KIB},
        {"result_buffer": ONE_KIB, "sequencer": {"lookahead": 12}},
    ],
    ids=[
        "weight_sram",
        "patch_buffer",
        "input_sram",
        "output_sram",
        "result_buffer",
    ],
)
def test_what_does_not_fit_is_an_error(changes: dict[str, Any], request: pytest.FixtureRequest) -> None:
    layer, machine = masked(conv(33, 18, 30)), small_machine(**changes)
    size = request.node.callspec.id
    with pytest.raises(DoesNotFit, match=size):
        oracle_image([layer], machine)
    with pytest.raises(AccelsimError, match=size):
        run_image([layer], machine, 0, engine="reference")


MEMORIES = ("weight_sram", "input_sram", "patch_buffer", "result_buffer", "output_sram")


@pytest.mark.parametrize("memory", MEMORIES)
def test_the_least_that_holds_a_layer(memory: str) -> None:
    """The oracle takes it too, and refuses a KiB less, because of the same memory."""
    above_one = 0
    for seed in range(120):
        case = random_case(Random(seed))
        layer, machine = case.layers[0], _needing_more(case.machine)
        least = next(
            kib for kib in range(1, 1000) if _refuses(layer, _with_kib(machine, memory, kib)) is None
        )
        lay_out([layer], _with_kib(machine, memory, least), 0)
        if least > 1:
            above_one += 1
            refused = _refuses(layer, _with_kib(machine, memory, least - 1))
            assert refused is not None
            with pytest.raises(DoesNotFit, match=refused):
                lay_out([layer], _with_kib(machine, memory, least - 1), 0)
    assert above_one >= 10


def _needing_more(machine: Machine) -> Machine:
    """With more slots and wider output lines, so that more than a KiB is needed more often."""
    sequencer = machine.sequencer.model_copy(update={"lookahead": 15})
    output = machine.output_sram.model_copy(update={"width_bits": 512, "kib": 100})
    machine = machine.model_copy(update={"sequencer": sequencer, "output_sram": output})
    return _with_kib(_with_kib(machine, "patch_buffer", 100), "result_buffer", 100)


def _with_kib(machine: Machine, memory: str, kib: int) -> Machine:
    return machine.model_copy(update={memory: getattr(machine, memory).model_copy(update={"kib": kib})})


def _refuses(layer: LayerTrace, machine: Machine) -> str | None:
    """The memory that the mapping finds too small."""
    try:
        tile_layer(layer, machine)
    except TooSmall as error:
        return error.field.removesuffix(".kib")
    return None
