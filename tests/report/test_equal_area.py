"""The best machine of each kind within an area, on rows made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from accelsim import AccelsimError
from accelsim.report.equal_area import best_within, pays_from
from docs.tables.equal_area_tables import equal_area_markdown

Row = dict[str, Any]


def row(name: str, kind: str, noise: float, area: float, edp: float, **other: Any) -> Row:
    costs = {"latency_us": edp, "energy_pj": edp, "edp_pj_us": edp}
    size = {"cores": 1, "mvu.vpus": 8, "mvu.bricks_per_vpu": 64}
    memory = {"weight_sram.kib": 2048, "weight_sram.width_bits": 64, "sequencer.lookahead": 2}
    state = {"id": name, "state": "done", "kind": kind, "noise": noise, "area_mm2": area}
    return state | costs | size | memory | other


ROWS = [
    row("d1", "dense", 0, 9, 10.0),
    row("d2", "dense", 0, 11, 4.0),
    row("u1", "unstructured", 0.5, 10, 6.0),
    row("u2", "unstructured", 0.5, 12, 1.0),
    row("u3", "unstructured", 0.75, 10, 4.0),
    row("u4", "unstructured", 0.9, 10, 2.0),  # no N:M at this degree
    row("s1", "nm", 0.5, 10, 8.0),
    row("s2", "nm", 0.75, 10, 2.0),
    row("s3", "nm", 0.75, 9.5, 2.0, **{"mvu.vpus": 4}),  # as good and smaller
    row("bad", "nm", 0.5, 1, 0.1, state="failed"),
]


def test_the_best_within_an_area() -> None:
    best = best_within(ROWS, 10, "edp_pj_us")
    assert best.dense["id"] == "d1"
    assert best.degrees == [0.5, 0.75]
    chosen = {key: found and found["id"] for key, found in best.of.items()}
    assert chosen == {
        (0.5, "unstructured"): "u1", (0.5, "nm"): "s1", (0.75, "unstructured"): "u3", (0.75, "nm"): "s3",
    }  # fmt: skip
    assert best.relative(0.75, "nm") == 0.2
    assert pays_from(best) == 0.75
    larger = best_within(ROWS, 12, "edp_pj_us")
    assert (larger.dense["id"], larger.relative(0.5, "unstructured")) == ("d2", 0.25)
    assert best_within(list(reversed(ROWS)), 10, "edp_pj_us") == best


def test_where_structure_pays() -> None:
    everywhere = [
        {**each, "edp_pj_us": each["edp_pj_us"] / (100 if each["kind"] == "nm" else 1)} for each in ROWS
    ]
    assert pays_from(best_within(everywhere, 10, "edp_pj_us")) == 0.5
    nowhere = [
        {**each, "edp_pj_us": each["edp_pj_us"] * (100 if each["kind"] == "nm" else 1)} for each in ROWS
    ]
    assert pays_from(best_within(nowhere, 10, "edp_pj_us")) is None
    small = best_within(ROWS, 9.6, "edp_pj_us")
    assert small.of[0.5, "nm"] is None
    assert small.relative(0.5, "nm") is None
    assert pays_from(small) is None  # no unstructured machine is that small


def test_nothing_dense_to_compare_with() -> None:
    with pytest.raises(AccelsimError, match="no dense machine of at most 5 mm2"):
        best_within(ROWS, 5, "edp_pj_us")


def test_tables() -> None:
    text = equal_area_markdown(ROWS, 10, (0.95, 1))
    assert (
        "**At most 9.50 mm2** (0.95 x `unstructured`). Best dense machine: 1x8x64, 2048 KiB x 64 b, 2; "
        in text
    )
    assert "| 75 % | none |  | 1x4x64, 2048 KiB x 64 b, 2 | 0.200 |  |" in text
    assert "| 75 % | 1x8x64, 2048 KiB x 64 b, 2 | 0.400 | 1x4x64, 2048 KiB x 64 b, 2 | 0.200 | 0.50 |" in text
    assert "| 1 x | EDP | 1.33 | 0.50 | 75 % |" in text
    assert "| 0.95 x | EDP |  |  | nowhere |" in text
