"""Areas side by side: the items add up, and the VPUs at equal area are the most that fit."""

from __future__ import annotations

import pytest

from accelsim.config import load_machine, load_technology
from accelsim.energy import area
from accelsim.report.area_report import areas_content

TECHNOLOGY = load_technology()
MACHINES = [load_machine(name) for name in ("unstructured", "structured", "dense")]


def test_items_of_every_machine_add_up_to_its_core() -> None:
    content = areas_content(MACHINES, TECHNOLOGY)
    for machine, total in zip(MACHINES, content["total"], strict=True):
        items = [row[f"{machine.name}: mm2"] for row in content["core"]]
        assert sum(items) == pytest.approx(total["core_mm2"], abs=2e-4)
        assert total["core_mm2"] == pytest.approx(area(machine, TECHNOLOGY).core_mm2, abs=1e-5)


def test_units_times_their_area_are_the_items() -> None:
    content = areas_content(MACHINES, TECHNOLOGY)
    um2 = {row["unit"]: row["um2"] for row in content["sources"]}
    checked = 0
    for row in content["core"]:
        if row["unit"] in um2:
            assert row["unstructured: mm2"] == pytest.approx(
                row["unstructured: units"] * um2[row["unit"]] * 1e-6, abs=1e-5
            )
            checked += 1
    assert checked > 15


def test_one_vpu_more_would_be_too_large() -> None:
    for row in areas_content(MACHINES, TECHNOLOGY)["equal_area"]:
        assert row["mm2"] <= row["unstructured: mm2"] < row["mm2 with one more"]


def test_one_machine_alone_has_nothing_to_be_equal_to() -> None:
    content = areas_content(MACHINES[:1], TECHNOLOGY)
    assert "equal_area" not in content
    assert content["core"][0]["mm2"] > 0
