"""The parts of the energy constants add up to what is charged, and each is the constant's own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.config import load_machine, load_technology, machine_from_yaml
from accelsim.counts import Counts
from accelsim.energy import energy
from accelsim.energy.constant_prices import constant_prices
from tests.energy.pinned import pinned_machine

TECHNOLOGY = load_technology("freepdk45")
MACHINES = ("dense", "unstructured", "structured")
PRICES = {name: constant_prices(load_machine(name), TECHNOLOGY) for name in MACHINES}


@pytest.mark.parametrize("name", MACHINES)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_the_parts_add_up_to_the_energy(name: str, data: st.DataObject) -> None:
    counted = sorted({count for prices in PRICES[name].values() for count in prices})
    numbers = {count: data.draw(st.integers(0, 10**9)) for count in counted}
    parts = [numbers[count] * pj for prices in PRICES[name].values() for count, pj in prices.items()]
    charged = energy(Counts(**numbers), load_machine(name), TECHNOLOGY).total_pj
    assert sum(parts) == pytest.approx(charged, rel=1e-11)


def test_parts_by_hand() -> None:
    machine = pinned_machine("unstructured", position_block=4, accumulators_per_vpu=16, vpus=16)
    prices = constant_prices(machine, TECHNOLOGY)
    # A register file is read across its 16 entries: three words a step.
    reads = prices["register_file_read_per_entry", "logic"]
    assert reads == pytest.approx(
        {
            "vpu_steps_16bit": 3 * 16 * 0.04695875,
            "vpu_steps_4bit": 3 * 16 * 0.04695875,
        }
    )
    assert prices["multiply_16bit", "logic"] == pytest.approx({"brick_ops_16bit": 9.49346 / 16})
    # One macro, read in both modes: one constant.
    assert prices["weight_sram", "sram"] == pytest.approx(
        {"weight_sram_reads_16bit": 17.0418, "weight_sram_reads_4bit": 17.0418}, rel=1e-4
    )
    assert ("multiply_16bit", "logic") in PRICES["dense"]
    assert ("multiply_4bit", "logic") not in PRICES["dense"]


def test_dram_is_a_constant_where_there_is_one() -> None:
    text = load_machine("dense").to_yaml()
    dram = "dram: {bytes_per_cycle: 8, latency_cycles: 1, pj_per_bit: 4.0, source: test}"
    prices = constant_prices(machine_from_yaml(text.replace("dram: null", dram)), TECHNOLOGY)
    assert prices["dram", "dram"] == {"dram_bits": 4.0}
    assert not [name for name, kind in PRICES["dense"] if kind == "dram"]
