"""The results database: what is written is read, nothing is half-written, and nothing else is taken for one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from accelsim import AccelsimError, load_machine, load_technology, open_trace
from accelsim.counts import COUNT_NAMES
from accelsim.store import Outcome, Point, Store, Unbuildable, Workload, code_version
from accelsim.store.database_tables import COSTS, SCHEMA_VERSION
from accelsim.version import MODEL_VERSION, __version__

TECHNOLOGY = load_technology()


@pytest.fixture
def workload(small_trace: Path) -> Workload:
    trace = open_trace(small_trace)
    return Workload(trace, trace.scheme("nm-2of8"), range(2))


def point_with(workload: Workload, vpus: int) -> Point:
    return Point(load_machine("structured").resized(vpus=vpus), TECHNOLOGY, workload)


def outcome_of(point: Point, number: int = 1) -> Outcome:
    costs = {name: number + index / 3 for index, name in enumerate(COSTS)}
    counts = {name: number * 2**60 + index for index, name in enumerate(COUNT_NAMES)}
    return Outcome(point.id, None, costs, {"mvu_busy": 0.1}, counts)


def test_round_trip(tmp_path: Path, workload: Workload) -> None:
    point, other = point_with(workload, 3), point_with(workload, 4)
    faulty = Unbuildable({"mvu.vpus": 0}, "vpus: 0", TECHNOLOGY, workload)
    with Store.open(tmp_path / "new" / "a.db") as store:
        store.set_sweep(
            "mine", "text", [(point.id, {"machine": "m", "let.x": 1}), (faulty.id, {"machine": "n"})]
        )
        store.put([(point, outcome_of(point)), (faulty, Outcome(faulty.id, faulty.error))], "compiled")
    with Store.open_to_read(tmp_path / "new" / "a.db") as store:
        assert store.outcome(point.id) == outcome_of(point)
        assert store.outcome(faulty.id) == Outcome(faulty.id, "vpus: 0")
        assert store.outcome(other.id) is None
        assert store.done() == {point.id}
        assert store.sweeps() == [{"name": "mine", "points": 2, "done": 1, "failed": 1}]
        first, second = store.records("mine")
    assert (first["id"], first["scheme"], first["images"]) == (point.id, "nm-2of8", 2)
    assert first["code"] == code_version()
    assert code_version() == f"{__version__}+model.{MODEL_VERSION}"
    assert (second["state"], second["config"]) == ("failed", None)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a.db"]  # the log is folded in


def test_a_point_is_shared_by_sweeps(tmp_path: Path, workload: Workload) -> None:
    point, other = point_with(workload, 3), point_with(workload, 4)
    with Store.open(tmp_path / "a.db") as store:
        store.put([(point, outcome_of(point))], "compiled")
        store.set_sweep("b", "", [(other.id, {}), (point.id, {"machine": "in b"})])
        store.set_sweep("a", "", [(point.id, {"machine": "in a"})])
        assert [row["labels"] for row in store.records("b")] == ['{"machine":"in b"}']
        assert [row["labels"] for row in store.records()] == ['{"machine":"in a"}']
        store.set_sweep("a", "", [])
        assert [row["labels"] for row in store.records()] == ['{"machine":"in b"}']
        assert list(store.records("a")) == []
        assert store.done() == {point.id}


def test_members_in_several_steps(tmp_path: Path, workload: Workload) -> None:
    points = [point_with(workload, vpus) for vpus in (5, 3, 4)]
    with Store.open(tmp_path / "a.db") as store:
        for point in (*points, points[0]):
            store.add_members("search", [(point.id, {})] * 2)
        store.put([(point, outcome_of(point)) for point in points], "compiled")
        assert [row["id"] for row in store.records("search")] == [point.id for point in points]


def test_a_point_put_again_replaces(tmp_path: Path, workload: Workload) -> None:
    point = point_with(workload, 3)
    with Store.open(tmp_path / "a.db") as store:
        store.put([(point, Outcome(point.id, "no memory"))], "compiled")
        assert store.done() == set()
        store.put([(point, outcome_of(point))], "reference")
        assert list(store.records()) == []  # in no sweep
        store.set_sweep("mine", "", [(point.id, {})])
        (row,) = store.records()
    assert (row["state"], row["error"], row["engine"]) == ("done", None, "reference")


def test_a_failure_never_replaces_a_result(tmp_path: Path, workload: Workload) -> None:
    """Of two processes that run the same point, the one without memory may be the later one."""
    point = point_with(workload, 3)
    with Store.open(tmp_path / "a.db") as store:
        store.put([(point, outcome_of(point))], "compiled")
        store.put([(point, Outcome(point.id, "MemoryError"))], "compiled")
        assert store.outcome(point.id) == outcome_of(point)
        store.put([(point, outcome_of(point, 2))], "compiled")
        assert store.outcome(point.id) == outcome_of(point, 2)


def test_all_of_a_batch_or_nothing(tmp_path: Path, workload: Workload) -> None:
    good, bad = point_with(workload, 3), point_with(workload, 4)
    impossible = Outcome(bad.id, None, {}, {}, {"core_cycles": {1}})  # type: ignore[dict-item]
    with Store.open(tmp_path / "a.db") as store:
        with pytest.raises(TypeError):
            store.put([(good, outcome_of(good)), (bad, impossible)], "compiled")
        assert store.done() == set()
        store.put([(good, outcome_of(good))], "compiled")
        assert store.done() == {good.id}


def test_read_while_another_connection_writes(tmp_path: Path, workload: Workload) -> None:
    point = point_with(workload, 3)
    with Store.open(tmp_path / "a.db") as writer, Store.open_to_read(tmp_path / "a.db") as reader:
        assert reader.done() == set()
        writer.put([(point, outcome_of(point))], "compiled")
        assert reader.done() == {point.id}
        with pytest.raises(AccelsimError, match="readonly"):
            reader.put([(point, outcome_of(point))], "compiled")


def test_the_machine_of_a_point(tmp_path: Path, workload: Workload) -> None:
    point = point_with(workload, 3)
    faulty = Unbuildable({"mvu.vpus": 0}, "vpus: 0", TECHNOLOGY, workload)
    with Store.open(tmp_path / "a.db") as store:
        store.put([(point, outcome_of(point)), (faulty, Outcome(faulty.id, "vpus: 0"))], "compiled")
        found = store.machine_of(point.id[:10])
        assert found.name == f"point-{point.id[:12]}"
        assert (
            found.model_copy(update={"name": "structured", "description": point.machine.description})
            == point.machine
        )
        for start, said in (("", "more than one"), ("zz", "no point"), (faulty.id, "vpus: 0")):
            with pytest.raises(AccelsimError, match=said):
                store.machine_of(start)


def test_a_full_disk(tmp_path: Path, workload: Workload) -> None:
    with Store.open(tmp_path / "a.db") as store:
        (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        points = [point_with(workload, vpus) for vpus in range(1, 40)]
        with pytest.raises(AccelsimError, match=r"a\.db: cannot write: database or disk is full"):
            store.put([(point, outcome_of(point)) for point in points], "compiled")
        assert store.done() == set()


def test_what_is_no_results_database(tmp_path: Path) -> None:
    places = {
        "text.db": "not a results database",
        "folder.db": "a folder; allowed: a regular file",
        "other.db": "not a results database of accelsim",
        "newer.db": f"this accelsim uses {SCHEMA_VERSION}",
        "torn.db": "",
    }
    (tmp_path / "text.db").write_text("precious")
    (tmp_path / "folder.db").mkdir()
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE mine (x)")
    Store.open(tmp_path / "newer.db").close()
    with sqlite3.connect(tmp_path / "newer.db") as newer:
        newer.execute("PRAGMA user_version = 99")
    (tmp_path / "torn.db").write_bytes((tmp_path / "other.db").read_bytes()[:100])
    for name, said in places.items():
        before = (tmp_path / name).read_bytes() if name != "folder.db" else b""
        for opened in (Store.open, Store.open_to_read):
            with pytest.raises(AccelsimError) as caught:
                opened(tmp_path / name)
            assert said in str(caught.value)
            assert name in str(caught.value)
            assert "\n" not in str(caught.value)
        if before:
            assert (tmp_path / name).read_bytes() == before
    with pytest.raises(AccelsimError, match="no such results database"):
        Store.open_to_read(tmp_path / "nowhere.db")
    with pytest.raises(AccelsimError):
        Store.open("\0")


def test_an_empty_file_becomes_one(tmp_path: Path) -> None:
    (tmp_path / "a.db").touch()
    with Store.open(tmp_path / "a.db") as store:
        assert store.sweeps() == []


def test_damage_is_found(tmp_path: Path, workload: Workload) -> None:
    path = tmp_path / "a.db"
    points = [point_with(workload, vpus) for vpus in range(1, 30)]
    with Store.open(path) as store:
        store.put([(point, outcome_of(point)) for point in points], "compiled")
        assert store.problems() == ()
    with sqlite3.connect(path) as other:
        other.execute("DELETE FROM machines")
    with Store.open_to_read(path) as store:
        assert store.problems() == (
            f"{path}: machines: holds 0 rows, accelsim wrote 29: something else deleted or inserted rows",
            f"{path}: a row refers to a row of machines that is gone",
        )
    content = bytearray(path.read_bytes())
    content[8192:20480] = bytes(range(256)) * 48
    path.write_bytes(content)
    with Store.open_to_read(path) as store:
        try:
            problems = store.problems()
        except AccelsimError as error:
            problems = (str(error),)
    assert problems
    assert all(problem.startswith(f"{path}: ") and "\n" not in problem for problem in problems)
