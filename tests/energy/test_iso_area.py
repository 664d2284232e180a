"""Iso-area sizing: the largest V that fits, and the shipped machines have it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.config import load_machine, load_technology, machine_from_yaml
from accelsim.energy import area, iso_area_vpus
from accelsim.errors import AccelsimError

TECHNOLOGY = load_technology()


@pytest.mark.parametrize(
    "name",
    [
        "dense",
        "structured",
        "unstructured-single",
        "structured-single",
        "unstructured-none",
        "structured-none",
        "unstructured-pixel",
        "structured-pixel",
        "dense-int",
        "int4",
    ],
)
def test_shipped_machines_are_sized_to_the_area_of_unstructured(name: str) -> None:
    machine, reference = load_machine(name), load_machine("unstructured")
    assert machine.mvu.vpus == iso_area_vpus(machine, reference, TECHNOLOGY)
    used, budget = area(machine, TECHNOLOGY).total_mm2, area(reference, TECHNOLOGY).total_mm2
    assert 0.995 * budget < used <= budget


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(["dense", "unstructured", "structured"]),
    start=st.integers(1, 64),
    reference_vpus=st.integers(8, 128),
)
def test_v_fits_and_v_plus_one_does_not(name: str, start: int, reference_vpus: int) -> None:
    reference = load_machine("unstructured").resized(vpus=reference_vpus)
    machine = load_machine(name).resized(vpus=start)
    vpus = iso_area_vpus(machine, reference, TECHNOLOGY)
    budget = area(reference, TECHNOLOGY).total_mm2
    assert area(machine.resized(vpus=vpus), TECHNOLOGY).total_mm2 <= budget
    assert area(machine.resized(vpus=vpus + 1), TECHNOLOGY).total_mm2 > budget


@given(st.integers(1, 256))
@settings(max_examples=20, deadline=None)
def test_a_machine_is_sized_to_itself(vpus: int) -> None:
    machine = load_machine("unstructured").resized(vpus=vpus)
    assert iso_area_vpus(machine, machine, TECHNOLOGY) == vpus


def test_nothing_fits() -> None:
    larger = load_machine("dense").to_yaml().replace("kib: 2048", "kib: 4096")
    with pytest.raises(
        AccelsimError, match=r"machine dense: not even one VPU fits into the .* mm2 of unstructured"
    ):
        iso_area_vpus(machine_from_yaml(larger), load_machine("unstructured"), TECHNOLOGY)
