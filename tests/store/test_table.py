"""Rows out of the database: filtered, sorted, written."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest

from accelsim import AccelsimError, load_machine, load_technology, open_trace
from accelsim.store import Outcome, Point, Store, Unbuildable, Workload
from accelsim.store.database_tables import COSTS
from accelsim.store.flat_table import selected, shown_columns, table, telling_fields, write_table

TECHNOLOGY = load_technology()


@pytest.fixture
def store(tmp_path: Path, small_trace: Path):
    trace = open_trace(small_trace)
    workload = Workload(trace, trace.scheme("nm-2of8"), range(2))
    base = load_machine("structured")
    with Store.open(tmp_path / "a.db") as opened:
        members = []
        for vpus in (8, 2, 4):
            point = Point(base.resized(vpus=vpus), TECHNOLOGY, workload)
            costs = dict.fromkeys(COSTS, 1.0) | {"energy_pj": 100.0 / vpus}
            opened.put(
                [(point, Outcome(point.id, None, costs, {"mvu_busy": 0.5}, {"core_cycles": 2**62}))],
                "compiled",
            )
            members.append(
                (point.id, {"machine": "base", "technology": "t", "mvu.vpus": 99, "let.x": f"v{vpus}"})
            )
        faulty = Unbuildable({"mvu.vpus": 0}, "vpus: 0, below", TECHNOLOGY, workload)
        opened.put([(faulty, Outcome(faulty.id, faulty.error))], "compiled")
        opened.set_sweep("mine", "", [*members, (faulty.id, {"machine": "base", "let.x": 0})])
        yield opened


def test_flat_rows(store: Store) -> None:
    rows = table(store, "mine")
    assert [row["mvu.vpus"] for row in rows] == [8, 2, 4, None]  # the machine's, not the label's
    assert [row["let.x"] for row in rows] == ["v8", "v2", "v4", 0]
    assert len({tuple(row) for row in rows}) == 1
    first = rows[0]
    assert (first["machine"], first["core_cycles"], first["mvu_busy"], first["dram"]) == (
        "base",
        2**62,
        0.5,
        None,
    )
    assert first["selector.kind"] == "nm"


def test_filter_and_sort(store: Store) -> None:
    rows = table(store, "mine")
    assert [row["mvu.vpus"] for row in selected(rows, sort=["energy_pj"])] == [8, 4, 2, None]
    assert [row["mvu.vpus"] for row in selected(rows, sort=["-energy_pj"])] == [2, 4, 8, None]
    assert [row["let.x"] for row in selected(rows, sort=["let.x"])] == [0, "v2", "v4", "v8"]
    assert selected(rows, "energy_pj < 30 and state == 'done'", ["mvu.vpus"], ["mvu.vpus", "energy_pj"]) == [
        {"mvu.vpus": 4, "energy_pj": 25.0}, {"mvu.vpus": 8, "energy_pj": 12.5},
    ]  # fmt: skip
    assert [row["error"] for row in selected(rows, "error != null")] == ["vpus: 0, below"]
    assert selected(rows, "mvu.vpus > 99", ["energy_pj"]) == []
    assert selected([], "anything > 99", ["goes"]) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"where": "energy > 3"}, "did you mean `energy_pj`"),
        ({"where": "energy_pj"}, "not true or false"),
        ({"sort": ["-energy"]}, "sort: no field 'energy'"),
        ({"columns": ["energy"]}, "columns: no field 'energy'"),
    ],
)
def test_faults(store: Store, arguments: dict, said: str) -> None:
    with pytest.raises(AccelsimError, match=r"\A(where|sort|columns): ") as caught:
        selected(table(store), **arguments)
    assert said in str(caught.value)


def test_files(store: Store, tmp_path: Path) -> None:
    rows = table(store, "mine")
    write_table(rows, tmp_path / "new" / "a.csv")
    write_table(rows, tmp_path / "a.parquet")
    with (tmp_path / "new" / "a.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [row["core_cycles"] for row in read] == [str(2**62)] * 3 + [""]
    assert read[3]["error"] == "vpus: 0, below"
    frame = pd.read_parquet(tmp_path / "a.parquet", dtype_backend="numpy_nullable")
    assert list(frame.columns) == list(rows[0])
    assert frame["core_cycles"].tolist()[:3] == [2**62] * 3  # whole, though one is missing
    assert frame["let.x"].tolist() == ["v8", "v2", "v4", "0"]
    write_table([], tmp_path / "empty.csv", ["id", "energy_pj"])
    assert (tmp_path / "empty.csv").read_text().split() == ["id,energy_pj"]
    write_table([], tmp_path / "empty.parquet", ["id", "energy_pj"])
    assert list(pd.read_parquet(tmp_path / "empty.parquet").columns) == ["id", "energy_pj"]


def test_what_tells_rows_apart_is_shown(store: Store) -> None:
    rows = table(store, "mine")
    assert telling_fields(rows) == ["let.x", "mvu.vpus"]
    assert telling_fields(rows[:1]) == telling_fields([]) == []
    assert shown_columns(rows[:3])[:6] == ["machine", "network", "scheme", "images", "let.x", "mvu.vpus"]
    assert "error" not in shown_columns(rows[:3]) and "error" in shown_columns(rows)


def test_files_that_cannot_be_written(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    for name, said in (("a.xlsx", "end in"), ("file/a.csv", "cannot write")):
        with pytest.raises(AccelsimError, match=said):
            write_table(table(store), tmp_path / name)
    assert (tmp_path / "file").read_text() == "precious"
