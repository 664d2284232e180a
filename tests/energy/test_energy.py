"""Energy of counts: a hand-summed example, linearity, and the sum of its parts."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.config import load_machine, load_technology, machine_from_yaml
from accelsim.counts import COUNT_NAMES, Counts
from accelsim.energy import GROUPS, area, energy, energy_terms
from accelsim.errors import AccelsimError
from tests.energy.pinned import pinned_machine

TECHNOLOGY = load_technology("freepdk45")
ENERGY_COUNTS = {
    name: sorted(
        {count for term in energy_terms(load_machine(name), TECHNOLOGY) for count, _ in term.pj_per_count}
    )
    for name in ("dense", "unstructured", "structured")
}


def some_counts(names: list[str]) -> st.SearchStrategy[Counts]:
    return st.fixed_dictionaries({name: st.integers(0, 10**9) for name in names}).map(lambda c: Counts(**c))


def test_threshold_machine_by_hand() -> None:
    """A neuron of 8 words on 4 lanes in 16 bits, after a 4-bit pass over 128 words: all charges spelt out."""
    machine = pinned_machine(
        "unstructured", position_block=4, accumulators_per_vpu=16, vpus=16, spare_vpus="share"
    )
    counts = Counts(
        core_cycles=100,
        essential_neurons=1,
        brick_ops_16bit=8 * 16,
        vpu_steps_16bit=2,
        brick_ops_4bit=128,
        vpu_steps_4bit=2,
        projection_additions=340,
        projection_accumulations=64,
        projected_values=32,
        comparisons=1,
        input_sram_reads=1,
        patch_buffer_writes=2,
        patch_buffer_reads=10,
        weight_sram_reads_16bit=2,
        weight_sram_reads_4bit=8,
        result_buffer_writes=2,
        result_buffer_reads=3,
        output_sram_writes=1,
        broadcast_register_writes=40,
        weight_register_writes=50,
    )
    by_hand = {
        "multiply_16bit": 8 * 9.49346,
        "multiply_4bit": 128 * 0.674724375,
        "projection_tree": 340 * 0.3192025,
        "projection_sum": 64 * 0.42012,
        "projection_signs": 64 * 2 * 0.25987,  # two bits for each of 16 words of a window
        "quantize": 32 * 6.7545,
        # A lane has 16 of the 1536 sums, of two words: read and written for each window, read to be rounded.
        "quantizer_select": 32 * 2 * math.log2(6) * 0.07819,
        "projection_registers": 64 * 2 * 0.29585,
        "adder_tree": 4 * 3 * 0.42012,  # four steps, three additions for four lanes
        "psum_addition": 4 * 0.75084,
        "operand_select": (2 * 4 + 2 * 16) * (0.29585 + 2 * 0.07819),  # words held, through log2(4) levels
        "requantize": 2 * 0.60596,
        "threshold_compare": 0.12228,
        "mask_walk": 4 * 0.91494,
        "result_select": 4 * 0.07819,
        "output_gather": 4 * 4 * 0.07819,  # four words through log2(16) levels
        "psum_registers": 4 * 3 * (16 * 0.04695875 + 0.71175),  # four steps, 48 bits read and written
        "operand_registers": 40 * 0.29585,
        "weight_registers": 50 * 0.29585,
        "input_sram": 26.838,
        "patch_buffer_write": 2 * 44.5186,
        "patch_buffer_read": 10 * 14.3158,
        "result_buffer_write": 2 * 1.3565,
        "result_buffer_read": 3 * 1.15486,
        "weight_sram_16bit": 2 * 17.0418,
        "weight_sram_4bit": 8 * 17.0418,
        "output_sram": 15.3975,
    }
    result = energy(counts, machine, TECHNOLOGY)
    leakage = {"sram_leakage", "logic_leakage"}
    for name, pj in result.as_dict().items():
        if name not in leakage:
            assert pj == pytest.approx(by_hand.pop(name), rel=1e-4), name
    assert not by_hand
    # 100 cycles of 2.5 ns at the leakage of the area model, mW x ns = pJ.
    assert result.group_pj("leakage") == pytest.approx(area(machine, TECHNOLOGY).leakage_mw() * 250)


def test_nm_machine_by_hand() -> None:
    machine = pinned_machine("structured", position_block=4, hold_weights=True)
    counts = Counts(groups_ranked=3, essential_neurons=5, vpu_steps_16bit=1, weight_register_writes=4)
    items = energy(counts, machine, TECHNOLOGY).as_dict()
    assert items["group_ranking"] == pytest.approx(3 * (120 * 16 * 0.007543125 + 16 * 0.06669))
    assert items["mask_walk"] == pytest.approx(0.91494)
    assert items["result_select"] == pytest.approx(3 * 16 * 4 * 0.07819)
    assert items["operand_select"] == pytest.approx(4 * (0.29585 + 2 * 0.07819))
    assert items["weight_registers"] == pytest.approx(4 * 0.29585)
    assert "threshold_compare" not in items


def test_dram() -> None:
    text = load_machine("dense").to_yaml()
    dram = "dram: {bytes_per_cycle: 8, latency_cycles: 1, pj_per_bit: 4.0, source: test}"
    machine = machine_from_yaml(text.replace("dram: null", dram))
    result = energy(Counts(dram_bits=1000), machine, TECHNOLOGY)
    assert result.group_pj("dram") == result.total_pj == 4000.0


@pytest.mark.parametrize("name", ["dense", "unstructured", "structured"])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_total_is_the_sum_of_items_and_of_groups(name: str, data: st.DataObject) -> None:
    result = energy(data.draw(some_counts(ENERGY_COUNTS[name])), load_machine(name), TECHNOLOGY)
    assert result.total_pj == math.fsum(item.pj for item in result.items)
    assert tuple(result.by_group_pj()) == GROUPS
    assert math.fsum(result.by_group_pj().values()) == pytest.approx(result.total_pj, rel=1e-14)
    assert all(item.pj >= 0 and math.isfinite(item.pj) for item in result.items)


@settings(max_examples=30, deadline=None)
@given(some_counts(ENERGY_COUNTS["structured"]), some_counts(ENERGY_COUNTS["structured"]))
def test_energy_of_parts_adds_up_to_the_run(first: Counts, second: Counts) -> None:
    machine = load_machine("structured")
    whole = energy(first + second, machine, TECHNOLOGY).total_pj
    parts = energy(first, machine, TECHNOLOGY).total_pj + energy(second, machine, TECHNOLOGY).total_pj
    assert whole == pytest.approx(parts, rel=1e-12)


@pytest.mark.parametrize(
    ("machine", "count"),
    [
        ("dense", "brick_ops_4bit"),
        ("dense", "comparisons"),
        ("dense", "projection_additions"),
        ("unstructured", "groups_ranked"),
        ("dense", "projection_accumulations"),
        ("dense", "projected_values"),
        ("structured", "comparisons"),
        ("structured", "dram_bits"),
    ],
)
def test_counts_of_absent_hardware_are_refused(machine: str, count: str) -> None:
    with pytest.raises(
        AccelsimError, match=f"counts: {count} is 5, but machine {machine} has no hardware for it"
    ):
        energy(Counts(**{count: 5}), load_machine(machine), TECHNOLOGY)


def test_no_counts_no_energy_and_every_priced_count_exists() -> None:
    for name, counts in ENERGY_COUNTS.items():
        assert energy(Counts(), load_machine(name), TECHNOLOGY).total_pj == 0.0
        assert set(counts) <= set(COUNT_NAMES)


def test_leakage_does_not_depend_on_how_core_cycles_are_split() -> None:
    """Two cores leak twice as much in half the time: the same energy for the same core cycles."""
    one = load_machine("dense")
    two = machine_from_yaml(one.to_yaml().replace("cores: 1", "cores: 2"))
    counts = Counts(core_cycles=1000)
    assert energy(counts, one, TECHNOLOGY).total_pj == energy(counts, two, TECHNOLOGY).total_pj
    assert area(two, TECHNOLOGY).total_mm2 == 2 * area(one, TECHNOLOGY).total_mm2
