"""The numbers on the page against the files that they come from, summed here by other means."""

from __future__ import annotations

import csv
import json
import math
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.counts import COUNT_NAMES
from accelsim.report.html import page_tables as tables
from accelsim.report.html.page_columns import CYCLE_USES
from accelsim.store import Store
from accelsim.store.flat_table import table
from tests.report.html.reading import parsed, rows

Row = dict[str, Any]


@pytest.fixture(scope="module")
def data(page: Path) -> Any:
    return parsed(page).data


def file_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_layers_are_means_and_sums_over_images(data: Any, whole_folder: Path) -> None:
    groups = defaultdict(list)
    for row in file_rows(whole_folder / "layers.csv"):
        groups[row["network"], row["machine"], row["scheme"], row["layer"]].append(row)
    shown = {
        (row["network"], row["machine"], row["scheme"], row["layer"]): row for row in rows(data["layers"])
    }
    assert shown.keys() == groups.keys()
    for key, images in groups.items():
        row = shown[key]
        assert row["images"] == len(images) == 2
        for name in COUNT_NAMES:
            exact = sum(int(each[name]) for each in images)
            assert row.get(name, 0) == exact and isinstance(row.get(name, 0), int), name
        cycles = [int(each["latency_cycles"]) for each in images]
        assert (row["fewest_cycles"], row["most_cycles"]) == (min(cycles), max(cycles))
        for name in ("latency_cycles", "energy_pj", "sram_pj", "edp_pj_us", "mapping_efficiency"):
            assert row[name] == pytest.approx(sum(float(each[name]) for each in images) / 2, rel=1e-9)


def test_every_core_cycle_has_one_use(data: Any) -> None:
    used = [name for use in CYCLE_USES for name in use.counts]
    assert len(used) == len(set(used))
    for name in ("runs", "layers", "points"):
        for row in rows(data[name]):
            assert sum(row.get(count, 0) for count in used) == row["core_cycles"]


def test_items_of_energy_add_up(data: Any) -> None:
    """Prices times counts is what the simulation charged, whole and by group, for every layer."""
    for row in rows(data["layers"]):
        of_group: dict[str, list[float]] = defaultdict(list)
        for term in data["terms"][row["machine"]]:
            pj = sum(row.get(count, 0) * price for count, price in term["pj"].items())
            of_group[term["group"]].append(pj / row["images"])
        assert math.fsum(map(math.fsum, of_group.values())) == pytest.approx(row["energy_pj"], rel=1e-9)
        for group, parts in of_group.items():
            assert math.fsum(parts) == pytest.approx(row[f"{group}_pj"], rel=1e-9, abs=1e-6)


def test_figure5_is_the_table_of_the_command(data: Any, whole_folder: Path) -> None:
    wanted = {(row["network"], row["scheme"]): row for row in file_rows(whole_folder / "figure5.csv")}
    seen = set()
    (chart,) = data["charts"]
    assert chart["name"] == "figure5"
    networks = {"ResNet-18": "resnet18", "WideResNet-34-10": "wrn34-10"}
    columns = {
        "execution time / dense": "time_rel",
        "energy / dense": "energy_rel",
        "EDP / dense": "edp_rel",
        "mapping efficiency": "mapping_efficiency",
    }
    for panel in chart["panels"]:
        network, column = networks[panel["heading"]], columns[panel["title"]]
        assert panel["aside"] == "mean of 2 images"
        assert panel["reference"] == (None if column == "mapping_efficiency" else 1)
        for series in panel["series"]:
            assert all(float(a) < float(b) for a, b in pairwise(series["x"]))
            for index, note in enumerate(series["notes"]):
                scheme = note.split(" on ")[0]
                seen.add((network, scheme, column))
                assert scheme.startswith("nm-" if series["name"] == "structured" else "unstructured-")
                row = wanted[network, scheme]
                assert float(row["noise"]) == pytest.approx(float(series["x"][index]) / 100)
                assert series["y"][index] == pytest.approx(float(row[column]), rel=1e-9)
                for percentile, ends in ((5, series["low"]), (95, series["high"])):
                    assert bool(ends) == (column in ("energy_rel", "edp_rel"))
                    if ends:
                        assert ends[index] == pytest.approx(float(row[f"{column}_p{percentile}"]), rel=1e-9)
    schemes = {key for key in wanted if key[1] != "dense"}
    assert seen == {(*key, column) for key in schemes for column in columns.values()}


def beaten(row: Row, others: list[Row], objectives: list[str]) -> bool:
    return any(
        all(other[name] <= row[name] for name in objectives)
        and any(other[name] < row[name] for name in objectives)
        for other in others
    )


def test_fronts(data: Any) -> None:
    runs, points = rows(data["runs"]), rows(data["points"])
    for row in runs:
        rivals = [each for each in runs if each["network"] == row["network"]]
        assert row["front"] != beaten(row, rivals, data["runs"]["objectives"])
    for row in points:
        rivals = [each for each in points if each["group"] == row["group"]]
        assert {each["noise"] for each in rivals} == {row["noise"]}
        assert row["front"] != beaten(row, rivals, ["latency_us", "energy_pj", "area_mm2"])
    assert {row["front"] for row in points} == {True, False}


def test_points_are_those_of_the_database(data: Any, database: Path) -> None:
    with Store.open_to_read(database) as store:
        wanted = {row["id"]: row for row in table(store)}
    shown = {row["id"]: row for row in rows(data["points"])}
    assert shown.keys() == wanted.keys() and len(shown) == 16
    assert data["points"]["fields"] == ["mvu.vpus"]
    for identity, row in shown.items():
        for name in ("machine", "scheme", "noise", "mvu.vpus", "brick_ops_16bit", "core_cycles"):
            assert row[name] == wanted[identity][name]
        assert row["area_mm2"] == pytest.approx(wanted[identity]["area_mm2"], rel=1e-9)


@given(st.integers(-(2**63), 2**63 - 1))
def test_whole_numbers_stay_exact(number: int) -> None:
    (packed,) = tables.packed([{"count": number}])["rows"]
    assert json.loads(json.dumps(packed)) == [number]


@given(st.floats(allow_nan=True))
def test_other_numbers_keep_their_digits(number: float) -> None:
    ((packed,),) = tables.packed([{"cost": number}])["rows"]
    if abs(number) < 1e308:
        assert packed == pytest.approx(number, rel=1e-9, abs=0)
    elif not math.isfinite(number):
        assert packed is None  # JSON has no word for it
