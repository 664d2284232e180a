"""Published figures: their formulas pass through what was published, and the technology stands beside them."""

from __future__ import annotations

import dataclasses

import pytest

from accelsim.config import load_technology
from accelsim.energy.published_energies import (
    ADD_PJ,
    MULTIPLY_PJ,
    Comparison,
    adder_pj,
    comparisons,
    dram_pj_per_bit,
    multiplier_pj,
    published_factors,
)

TECHNOLOGY = load_technology()


def test_formulas_pass_through_the_published_widths() -> None:
    for bits in (8, 32):
        assert adder_pj(bits) == pytest.approx(ADD_PJ[bits])
        assert multiplier_pj(bits) == pytest.approx(MULTIPLY_PJ[bits])
    # 0.03 + 8 / 24 x 0.07, and 16 a + 256 b with 8 a + 64 b = 0.2 and 32 a + 1024 b = 3.1.
    assert adder_pj(16) == pytest.approx(0.05333, abs=1e-5)
    b = (3.1 - 4 * 0.2) / (1024 - 256)
    assert multiplier_pj(16) == pytest.approx(2 * (0.2 - 64 * b) + 256 * b)
    assert multiplier_pj(0) == 0
    assert dram_pj_per_bit() == (20.3125, 40.625)


def test_ratios_are_taken_at_one_voltage() -> None:
    scaled = Comparison("x", 1.21, 1.1, 0.405, 0.9, "s", "f", "w")
    assert scaled.scaled_pj == pytest.approx(0.81) and scaled.ratio == pytest.approx(2) and scaled.agrees
    assert dataclasses.replace(scaled, published_v=None).ratio == pytest.approx(1.21 / 0.405)
    assert not dataclasses.replace(scaled, ours_pj=1.3).agrees
    assert not dataclasses.replace(scaled, ours_pj=0.3).agrees


def test_everything_off_by_more_than_twofold_is_explained() -> None:
    rows = comparisons(TECHNOLOGY)
    assert len(rows) >= 12
    assert all(row.agrees or row.why for row in rows)
    assert all(0.2 < row.ratio < 20 for row in rows), (
        "a factor that large would be a mistake, not a technology"
    )


def test_factors_bring_the_constants_to_what_was_published() -> None:
    constants = [
        ("multiply_16bit", "logic"),
        ("index_walk", "logic"),
        ("weight_sram", "sram"),
        ("logic_leakage", "leakage"),
    ]
    factors = published_factors(TECHNOLOGY, constants)
    assert factors is not None
    ours = TECHNOLOGY.events.multiply_16bit_pj.value * (0.9 / TECHNOLOGY.process.supply_v) ** 2
    assert factors[0] * ours == pytest.approx(multiplier_pj(16))
    plain = [
        row.ratio
        for row in comparisons(TECHNOLOGY)
        if row.name.startswith("plain") and "Horowitz" in row.source
    ]
    assert 1 / max(plain) < factors[1] < 1 / min(plain)
    srams = [row.ratio for row in comparisons(TECHNOLOGY) if row.name.startswith("SRAM")]
    assert len(srams) == 3 and 1 / max(srams) < factors[2] < 1 / min(srams)
    assert factors[3] == 1


def test_nothing_compares_at_another_node_or_with_unknown_cells() -> None:
    constants = [("multiply_16bit", "logic")]
    process = TECHNOLOGY.process.model_copy(update={"node_nm": 28})
    assert published_factors(dataclasses.replace(TECHNOLOGY, process=process), constants) is None
    other = TECHNOLOGY.sram_conditions.model_copy(update={"cell_type": "my-cells"})
    strange = dataclasses.replace(TECHNOLOGY, sram_conditions=other)
    assert published_factors(strange, constants) is None
    assert not [row for row in comparisons(strange) if row.name.startswith("SRAM")]
