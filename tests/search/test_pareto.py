"""Points compete with those of the same network, images and noise, and with no others."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from accelsim.errors import AccelsimError
from accelsim.pictures import check_picture
from accelsim.search.front_plot import plot_fronts
from accelsim.search.pareto import DEFAULT_OBJECTIVES, PER, checked_objectives, with_fronts


def point(
    name: str, latency: float | None, energy: float | None, area: float = 1.0, **others: object
) -> dict[str, object]:
    row: dict[str, object] = {
        "id": name,
        "state": "done",
        "network": "net",
        "dataset": "data",
        "image_ids": "[0, 1]",
        "technology_sha256": "t",
        "scheme": "unstructured-50",
        "kind": "unstructured",
        "noise": 0.5,
    }
    return row | {"latency_us": latency, "energy_pj": energy, "area_mm2": area} | others


NM = {"scheme": "nm-4of8", "kind": "nm"}
TABLE = [
    point("slow", 4, 1),
    point("beaten", 4, 2),
    point("fast", 1, 4),
    point("structured", 2, 2, **NM),
    point("behind structured", 3, 3),
    point("larger", 4, 1, area=2.0),
    point("more noise", 0.5, 0.5, noise=0.75, scheme="unstructured-75"),
    point("another network", 9, 9, network="other"),
    point("other images", 9, 9, image_ids="[2]"),
    point("other technology", 9, 9, technology_sha256="u"),
    point("failed", None, None, state="failed"),
]
ALONE = {"more noise", "another network", "other images", "other technology"}


def on_front(per: str, objectives: tuple[str, ...] = DEFAULT_OBJECTIVES) -> set[str]:
    marked = with_fronts(TABLE, objectives, per)  # type: ignore[arg-type]
    assert [row["id"] for row in marked].count("failed") == 0 and len(marked) == len(TABLE) - 1
    return {row["id"] for row in marked if row["front"]}


def test_schemes_of_the_same_noise_compete() -> None:
    assert on_front("noise") == {"slow", "fast", "structured"} | ALONE


def test_each_scheme_by_itself() -> None:
    assert on_front("scheme") == {"slow", "fast", "structured", "behind structured"} | ALONE


def test_all_noise_together() -> None:
    """More noise beats everything of its network, images and technology, unless the area is larger."""
    assert on_front("all") == ALONE


def test_other_objectives() -> None:
    assert on_front("noise", ("latency_us",)) == {"fast"} | ALONE
    assert on_front("noise", ("energy_pj",)) == {"slow", "larger"} | ALONE


def test_groups_stand_together_and_lose_nothing() -> None:
    marked = with_fronts(TABLE, DEFAULT_OBJECTIVES)
    groups = [row["group"] for row in marked]
    assert groups == sorted(groups) and set(groups) == set(range(5))
    rest = [{name: row[name] for name in row if name not in ("group", "front")} for row in marked]
    assert sorted(rest, key=str) == sorted((row for row in TABLE if row["state"] == "done"), key=str)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), "objectives: none; allowed: latency_cycles"),
        (("latency",), "objectives: 'latency'; did you mean"),
        (("area_mm2", "area_mm2"), "objectives: area_mm2 is given twice"),
    ],
)
def test_wrong_objectives_are_told(names: tuple[str, ...], said: str) -> None:
    with pytest.raises(AccelsimError, match=said):
        checked_objectives(names)


@pytest.mark.parametrize(("per", "count"), list(zip(PER, (1, 2, 3), strict=True)))
def test_picture_has_a_panel_for_every_group(tmp_path: Path, per: str, count: int) -> None:
    marked = with_fronts(TABLE, DEFAULT_OBJECTIVES[:count], per)  # type: ignore[arg-type]
    path = tmp_path / "front.svg"
    plot_fronts(marked, DEFAULT_OBJECTIVES[:count], path)
    identities = [element.get("id", "") for element in ElementTree.parse(path).iter()]
    assert len([each for each in identities if each.startswith("axes_")]) == marked[-1]["group"] + 1


def test_a_picture_of_another_kind_is_refused() -> None:
    check_picture("front.svg")
    with pytest.raises(AccelsimError, match=r"front\.bmp: allowed are files that end in \.png"):
        check_picture("front.bmp")
