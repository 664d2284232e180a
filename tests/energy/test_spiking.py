"""Energy, area and clock of spiking neurons: each charge by hand, from the technology's constants."""

from __future__ import annotations

import pytest

from accelsim.config import load_machine, load_technology
from accelsim.counts import Counts
from accelsim.energy import area, check_clock, energy
from accelsim.errors import AccelsimError

TECHNOLOGY = load_technology()


def pj(machine: str, **counts: int) -> dict[str, float]:
    return energy(Counts(**counts), load_machine(machine), TECHNOLOGY).as_dict()


def test_every_charge_of_spiking_layers() -> None:
    events = {
        name.removesuffix("_pj"): figure["value"] for name, figure in TECHNOLOGY.events.model_dump().items()
    }
    spent = pj(
        "spiking-noise",
        spike_additions=7,
        membrane_updates=5,
        event_walks=3,
        noise_draws=2,
        vpu_steps_1bit=11,
    )
    update = events["tree_addition"] + events["threshold_comparison"] + events["word_mux2"]
    draw = 8 * events["sign_generation"] + 4 * events["tree_addition"] + events["multiply_16bit"]
    assert spent["spike_gate"] == pytest.approx(7 * events["word_mux2"])
    assert spent["membrane_update"] == pytest.approx(5 * update)
    assert spent["membrane_registers"] == pytest.approx(5 * 2 * events["register_write"])
    assert spent["event_walk"] == pytest.approx(3 * events["index_walk"])
    assert spent["noise_generator"] == pytest.approx(2 * draw)
    # A step adds four weights in a tree of three adders, to a psum of three words; its operand is one word of spikes.
    assert spent["adder_tree"] == pytest.approx(11 * 3 * events["tree_addition"])
    assert spent["psum_addition"] == pytest.approx(11 * events["psum_addition"])
    assert spent["operand_select"] == pytest.approx(11 * (events["operand_word"] + 3 * events["word_mux2"]))
    assert spent["multiply_16bit"] == 0


def test_potentials_are_in_the_output_sram() -> None:
    once, twice = (pj("spiking", output_sram_writes=writes)["output_sram"] for writes in (1, 2))
    assert pj("spiking", membrane_writes=1)["output_sram"] == pytest.approx(once)
    assert twice == pytest.approx(2 * once)
    assert 0 < pj("spiking", membrane_reads=1)["output_sram"] != once


@pytest.mark.parametrize(
    ("machine", "counts"),
    [
        ("dense", {"vpu_steps_1bit": 1}),
        ("dense", {"membrane_updates": 1}),
        ("dense", {"membrane_reads": 1}),
        ("spiking", {"noise_draws": 1}),
        ("spiking-dense", {"event_walks": 1}),
    ],
)
def test_what_has_no_hardware_is_no_free_ride(machine: str, counts: dict[str, int]) -> None:
    with pytest.raises(AccelsimError, match="has no hardware for it"):
        pj(machine, **counts)


def test_each_option_takes_its_area_and_leaks() -> None:
    plain, event_driven, noisy = (
        area(load_machine(name), TECHNOLOGY) for name in ("spiking-dense", "spiking", "spiking-noise")
    )
    added = set(event_driven.as_dict()) - set(plain.as_dict())
    assert added == {"chunk_flags", "event_walkers"}
    blocks = TECHNOLOGY.blocks
    # Two slots, 4,096 inputs, four a chunk: 2,048 flags in 128 words of registers.
    assert event_driven.as_dict()["chunk_flags"] == pytest.approx(128 * blocks.register_word.area_um2 * 1e-6)
    # The port has 128 bits: eight neurons are updated in a cycle.
    assert noisy.as_dict()["noise_multipliers"] == pytest.approx(8 * blocks.multiplier.area_um2 * 1e-6)
    assert plain.leakage_mw() < event_driven.leakage_mw() < noisy.leakage_mw()


@pytest.mark.parametrize("name", ["spiking", "spiking-dense", "spiking-noise"])
def test_shipped_machines_meet_their_clock(name: str) -> None:
    check_clock(load_machine(name), TECHNOLOGY)
