"""Sweeps that run, resume, grow and share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from accelsim.store import Outcome, Point, Store, code_version
from accelsim.store.flat_table import table
from accelsim.sweep import Space
from accelsim.sweep.sweep_plan import plan_sweep
from accelsim.sweep.sweep_run import Progress, estimate, missing, run_here, run_sweep
from accelsim.sweep.tasks import Tasks

SpaceOf = Callable[..., Space]
AXES = {"mvu.vpus": [2, 3, 4, 5]}


def run(space: Space, db: Path, **how: Any) -> Progress:
    with Store.open(db) as store:
        return run_sweep(space.spec.file.name, space.spec.text, plan_sweep(space), store, **how)


def rows(db: Path, sweep: str | None = None) -> list[dict[str, Any]]:
    with Store.open_to_read(db) as store:
        return table(store, sweep)


def test_a_sweep_runs_once(space_of: SpaceOf, tmp_path: Path) -> None:
    space = space_of(axes=AXES)
    seen: list[tuple[int, int]] = []
    first = run(space, tmp_path / "a.db", report=lambda now: seen.append((now.done, now.left)))
    assert (first.total, first.kept, first.done, first.failed) == (8, 0, 8, 0)
    assert seen[-1] == (8, 0)
    assert all(done + left == 8 for done, left in seen)
    before = rows(tmp_path / "a.db", "mine")
    assert [row["mvu.vpus"] for row in before] == [2, 3, 4, 5] * 2
    again = run(space, tmp_path / "a.db", executor=never)
    assert (again.kept, again.done) == (8, 0)
    assert rows(tmp_path / "a.db", "mine") == before


def test_results_of_another_model_are_kept_and_run_again(
    space_of: SpaceOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a database from before there was a model version: other identities, and a hash behind the version."""
    db, space = tmp_path / "old.db", space_of(axes=AXES)
    with monkeypatch.context() as old:
        old.setattr("accelsim.store.point.MODEL_VERSION", "a hash of the sources")
        old.setattr("accelsim.store.database.code_version", lambda: "0.1.0+5b1f3c9a2e07")
        run(space, db)
    before = rows(db, "mine")
    assert {row["code"] for row in before} == {"0.1.0+5b1f3c9a2e07"} and len(before) == 8
    again = run(space_of(axes=AXES), db)
    assert (again.total, again.kept, again.done, again.failed) == (8, 0, 8, 0)
    after = rows(db, "mine")
    assert {row["code"] for row in after} == {code_version()}
    assert {row["id"] for row in before}.isdisjoint(row["id"] for row in after)
    same = [name for name in after[0] if name not in ("id", "code")]
    assert [[row[name] for name in same] for row in before] == [[row[name] for name in same] for row in after]
    with Store.open_to_read(db) as store:
        assert {row["id"] for row in before} < store.done()


def never(tasks: Tasks, engine: str) -> Iterator[tuple[list[Point], list[Outcome]]]:
    """An executor that must not be asked for anything."""
    assert not tasks.take()
    yield from ()


def test_a_larger_sweep_runs_what_is_new(space_of: SpaceOf, tmp_path: Path) -> None:
    run(space_of(axes=AXES), tmp_path / "a.db")
    larger = run(space_of(axes={"mvu.vpus": [2, 3, 4, 5, 6]}), tmp_path / "a.db")
    assert (larger.total, larger.kept, larger.done) == (10, 8, 2)
    smaller = run(space_of(axes={"mvu.vpus": [3]}), tmp_path / "a.db", executor=never)
    assert (smaller.total, smaller.kept) == (2, 2)
    assert len(rows(tmp_path / "a.db")) == 2
    again = run(space_of(axes={"mvu.vpus": [2, 3, 4, 5, 6]}), tmp_path / "a.db", executor=never)
    assert again.kept == len(rows(tmp_path / "a.db")) == 10  # what a sweep no longer has is kept


def test_sweeps_share_points(space_of: SpaceOf, tmp_path: Path) -> None:
    run(space_of(axes=AXES), tmp_path / "a.db")
    other = run(space_of(name="other", zip=[{"mvu.vpus": [5, 9]}]), tmp_path / "a.db")
    assert (other.total, other.kept, other.done) == (4, 2, 2)
    assert len(rows(tmp_path / "a.db")) == 10


def test_interrupted_and_resumed_is_as_never_interrupted(space_of: SpaceOf, tmp_path: Path) -> None:
    space = space_of(axes=AXES)
    run(space, tmp_path / "whole.db")

    def one_task(tasks: Tasks, engine: str) -> Iterator[tuple[list[Point], list[Outcome]]]:
        yield next(run_here(tasks, engine))
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(space, tmp_path / "cut.db", executor=one_task)
    assert 0 < len(rows(tmp_path / "cut.db")) <= 8
    run(space, tmp_path / "cut.db")
    assert rows(tmp_path / "cut.db", "mine") == rows(tmp_path / "whole.db", "mine")


def test_failures_are_recorded_and_tried_again(space_of: SpaceOf, tmp_path: Path) -> None:
    space = space_of(axes={"patch_buffer.kib": [16, 192], "mvu.accumulators_per_vpu": [1, 16]})
    done = run(space, tmp_path / "a.db")
    assert (done.total, done.unbuildable, done.done, done.failed) == (8, 4, 4, 0)
    clock = space_of(axes={"clock_mhz": [500, 9000]})
    done = run(clock, tmp_path / "b.db")
    assert (done.total, done.done, done.failed) == (4, 4, 2)
    found = rows(tmp_path / "b.db", "mine")
    assert [row["state"] for row in found] == ["done", "failed"] * 2
    assert all(
        "clock_mhz" in row["error"] and row["energy_pj"] is None for row in found if row["clock_mhz"] == 9000
    )
    again = run(clock, tmp_path / "b.db")
    assert (again.kept, again.done, again.failed) == (2, 2, 2)
    assert rows(tmp_path / "b.db", "mine") == found


def test_estimate(space_of: SpaceOf, tmp_path: Path) -> None:
    space = space_of(axes=AXES)
    plan = plan_sweep(space)
    pending = missing(plan, None)
    assert len(pending) == 8
    assert 0 < estimate(pending) < 60
    assert estimate([]) == 0
    run(space, tmp_path / "a.db")
    with Store.open_to_read(tmp_path / "a.db") as store:
        assert missing(plan, store) == []


def test_seconds_left() -> None:
    now = Progress(total=110, kept=5, unbuildable=5, started=1000.0)
    assert now.seconds_left(1001.0) is None
    now.add(1008.0, 4, 0)  # slow: workers were starting
    assert now.seconds_left(1008.0) == pytest.approx(8 / 4 * 96)
    now.add(1010.0, 20, 1)  # since then 10 a second
    assert now.seconds_left(1010.0) == pytest.approx(76 / 10)
    now.add(1017.6, 76, 0)
    assert (now.left, now.failed, now.seconds_left(1017.6)) == (0, 1, 0)
