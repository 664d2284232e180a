"""Area by hand, and whether the shipped machines meet their clock."""

from __future__ import annotations

import pytest

from accelsim.config import load_machine, load_technology, machine_from_yaml
from accelsim.energy import area, check_clock, clock_limit
from accelsim.errors import AccelsimError
from tests.energy.pinned import pinned_machine

TECHNOLOGY = load_technology("freepdk45")


def test_threshold_machine_by_hand() -> None:
    machine = pinned_machine(
        "unstructured", vpus=16, accumulators_per_vpu=16, position_block=4, spare_vpus="share"
    )
    items = area(machine, TECHNOLOGY).as_dict()
    um2 = {
        "multipliers": 16 * 4 * 5079.536,
        "adder_trees": 16 * 3 * 183.274,
        "psum_adders": 16 * 322.658,
        "psum_registers": 16 * 16 * 3 * 107.447375,  # 16 psums of three 16-bit words in each of 16 VPUs
        "operand_registers": 2 * 4 * 16 * 102.942,  # 64 codes of 4 bits are 16 words; four positions, twice
        "operand_select": 16 * 3 * 16 * 30.59,  # four words to one is three 2:1
        "weight_registers": 16 * 2 * 16 * 102.942,
        "requantizers": 16 * 486.248,
        "projection_trees": 96 * 16 * 143.7065,  # a window of 256 bits is 16 words
        "projection_sums": 96 * 183.274,
        "projection_registers": 96 * 2 * 102.942,  # a sum of 32 bits in each lane
        "quantizers": 16 * 3455.606,
        "quantizer_select": 16 * 2 * 5 * 30.59,  # 16 quantizers choose among 6 lanes each, 32 bits
        "threshold_comparators": 16 * 80.332,
        "mask_walkers": 16 * 715.274,
        # What the file of before has no figures for is priced in registers and multiplexers.
        "operand_words": 16 * 16 * 2.5 * 102.942,  # narrow and wide chunks of x and w: 40 words for 16
        "vpu_masks": 16 * 24 * 102.942,  # 12 positions in flight x 32 rows are 24 words
        "neuron_masks": 384 * 102.942,
        "selector_control": 715.274,
        "result_select": 16 * 4 * 30.59,  # sixteen words rotated through log2(16) levels
        "output_gather": 4 * 15 * 30.59,  # a line of four words, each out of one of 16 banks
        "weight_sram": 64 * 0.09486e6,
        "input_sram": 16 * 0.1033949e6,
        "patch_buffer": 12 * 0.0537416e6,
        "result_buffer": 16 * 0.0033765e6,  # 1 KiB a VPU
        "output_sram": 16 * 0.09486e6,
    }
    assert set(items) == set(um2)
    for name, expected in um2.items():
        assert items[name] == pytest.approx(expected * 1e-6, rel=1e-4), name


def test_nm_machine_by_hand() -> None:
    machine = pinned_machine("structured", vpus=16, hold_weights=True, position_block=4, spare_vpus="share")
    items = area(machine, TECHNOLOGY).as_dict()
    assert items["weight_registers"] == pytest.approx(16 * 2 * 16 * 102.942e-6)  # a row's chunk, twice
    assert items["group_rankers"] == pytest.approx(4 * 120 * 16 * 3.3048125e-6)
    assert items["group_magnitudes"] == pytest.approx(4 * 16 * 34.846e-6)
    assert items["mask_walkers"] == pytest.approx(16 * 715.274e-6)  # 16 rows x 4 positions are 64 bits
    assert items["result_select"] == pytest.approx(
        4 * 16 * 16 * 30.59e-6
    )  # four groups of 16, of one VPU each
    assert "threshold_comparators" not in items


def test_a_bank_of_the_result_buffer_is_no_smaller_than_the_smallest_macro() -> None:
    """128 VPUs have 1/8 KiB each; the table begins at 1/4."""
    machine = pinned_machine("dense", vpus=128)
    assert area(machine, TECHNOLOGY).as_dict()["result_buffer"] == pytest.approx(128 * 0.0010206, rel=1e-4)


def test_longer_blocks_need_larger_walkers_and_masks() -> None:
    machine = pinned_machine("structured", vpus=16, position_block=8, accumulators_per_vpu=16)
    items = area(machine, TECHNOLOGY).as_dict()
    assert items["mask_walkers"] == pytest.approx(2 * 16 * 715.274e-6)
    assert items["vpu_masks"] == pytest.approx(2 * 16 * 24 * 102.942e-6)


def test_vpus_of_a_dense_machine_choose_an_operand_only_if_they_share() -> None:
    assert "operand_select" not in area(pinned_machine("dense", spare_vpus="idle"), TECHNOLOGY).as_dict()
    assert "operand_select" in area(pinned_machine("dense", spare_vpus="share"), TECHNOLOGY).as_dict()


def test_slice_smaller_than_a_macro_is_a_macro_of_its_own() -> None:
    machine = load_machine("dense").resized(vpus=128)  # 16 KiB a slice, macros of 32 KiB
    assert area(machine, TECHNOLOGY).as_dict()["weight_sram"] == pytest.approx(128 * 0.0507421, rel=1e-4)


@pytest.mark.parametrize("name", ["dense", "unstructured", "structured"])
def test_shipped_machines_meet_their_clock(name: str) -> None:
    machine = load_machine(name)
    check_clock(machine, TECHNOLOGY)
    limit = clock_limit(machine, TECHNOLOGY)
    assert (limit.block, limit.period_ns, limit.max_clock_mhz) == ("multiplier", 1.6576, 603)


def test_too_fast_a_clock_names_what_limits_it() -> None:
    text = load_machine("unstructured").to_yaml()
    at_limit = machine_from_yaml(text.replace("clock_mhz: 400", "clock_mhz: 603"))
    check_clock(at_limit, TECHNOLOGY)
    faster = machine_from_yaml(text.replace("clock_mhz: 400", "clock_mhz: 604"))
    with pytest.raises(AccelsimError) as caught:
        check_clock(faster, TECHNOLOGY)
    assert str(caught.value) == (
        "machine unstructured: field clock_mhz: 604 is more than technology freepdk45 meets; "
        "multiplier needs 1.6576 ns, so 603 at most"
    )


def test_a_large_macro_limits_the_clock() -> None:
    text = load_machine("dense").to_yaml()
    text = text.replace(
        "input_sram:\n  kib: 512\n  macro_kib: 32", "input_sram:\n  kib: 512\n  macro_kib: 512"
    )
    machine = machine_from_yaml(text)
    assert clock_limit(machine, TECHNOLOGY).block == "input_sram"
    with pytest.raises(AccelsimError, match=r"input_sram needs 3\.44986 ns, so 289 at most"):
        check_clock(machine, TECHNOLOGY)


def test_a_wide_crossbar_limits_the_clock() -> None:
    machine = load_machine("unstructured").resized(vpus=2048)
    assert clock_limit(machine, TECHNOLOGY).block == "output_gather"


def test_sram_outside_the_table_is_refused() -> None:
    machine = machine_from_yaml(
        load_machine("dense").to_yaml().replace("width_bits: 256", "width_bits: 1024")
    )
    with pytest.raises(AccelsimError, match="the table has widths from 16 to 512 bits"):
        area(machine, TECHNOLOGY)
