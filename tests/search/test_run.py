"""A search with real simulations: in the database once, resumed, and shared with sweeps."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna", reason="needs the extra search")

from accelsim import simulate
from accelsim.search import DEFAULT_OBJECTIVES, Search, run_search
from accelsim.search.front import non_dominated
from accelsim.search.optuna_search import Trial
from accelsim.store import Outcome, Point, Store
from accelsim.sweep import Space, load_sweep, open_space
from accelsim.sweep.sweep_plan import plan_sweep
from accelsim.sweep.sweep_run import run_here, run_sweep
from accelsim.sweep.tasks import Tasks

SPEC = """\
format: accelsim-sweep/1
name: small
machines: [unstructured, structured]
traces: [{trace}]
schemes: [unstructured-50, nm-4of8]
axes:
  mvu.vpus: [2, 4, 8]
  mvu.position_block: [1, 4]
  mvu.accumulators_per_vpu: [2, 16]
"""
TRIALS = 40


@pytest.fixture
def space(tmp_path: Path, small_trace: Path) -> Space:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC.format(trace=small_trace), encoding="utf-8")
    return open_space(load_sweep(path))


def run(space: Space, path: Path, trials: int = TRIALS, name: str = "s", **changes: Any) -> Search:
    settings = {"sampler": "nsga2", "seed": 4, "objectives": DEFAULT_OBJECTIVES} | changes
    with Store.open(path) as store:
        return run_search(space, store, name, trials=trials, **settings)


def content(path: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(path) as connection:
        points = connection.execute("SELECT * FROM points ORDER BY id").fetchall()
        members = connection.execute("SELECT * FROM members ORDER BY sweep, position").fetchall()
    return [*points, *members]


def test_every_point_is_simulated_once(space: Space, tmp_path: Path) -> None:
    db = tmp_path / "r.sqlite"
    found = run(space, db)
    assert len(found.trials) == TRIALS
    with Store.open_to_read(db) as store:
        recorded = list(store.records("s"))
        done = store.done()
    assert found.simulated == len(done) == sum(row["error"] is None for row in recorded)
    # position_block 4 with 2 accumulators is no machine: recorded with the reason, and pruned.
    failed = [row for row in recorded if row["error"] is not None]
    assert failed and all("accumulators_per_vpu is 2" in row["error"] for row in failed)
    assert found.pruned and all("accumulators_per_vpu is 2" in str(trial.why) for trial in found.pruned)


def test_the_same_search_again_simulates_nothing_and_finds_the_same(space: Space, tmp_path: Path) -> None:
    db = tmp_path / "r.sqlite"
    first, before = run(space, db), content(db)
    again = run(space, db)
    assert (again.trials, again.simulated) == (first.trials, 0)
    assert content(db) == before


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("tasks", [1, 2, 3])
def test_a_search_that_was_killed_goes_on_to_the_same_table(space: Space, tmp_path: Path, tasks: int) -> None:
    whole, killed = tmp_path / "whole.sqlite", tmp_path / "killed.sqlite"
    run(space, whole)
    left = [tasks]

    def dying(work: Tasks, engine: str) -> Iterator[tuple[list[Point], list[Outcome]]]:
        for each in run_here(work, engine):
            if not left[0]:
                raise Killed
            left[0] -= 1
            yield each

    with pytest.raises(Killed):
        run(space, killed, executor=dying)
    resumed = run(space, killed)
    assert content(killed) == content(whole)
    with Store.open_to_read(whole) as store:
        assert 0 < resumed.simulated < len(store.done())


def test_more_trials_go_on_where_fewer_ended(space: Space, tmp_path: Path) -> None:
    db = tmp_path / "r.sqlite"
    fewer = run(space, db, trials=10)
    more = run(space, db)
    with Store.open_to_read(db) as store:
        assert fewer.simulated + more.simulated == len(store.done())
    assert more.trials[:10] == fewer.trials


def test_points_of_a_sweep_are_not_simulated_again(space: Space, tmp_path: Path) -> None:
    """The sweep runs the whole grid, so the search finds everything there; and its front is the grid's."""
    db = tmp_path / "r.sqlite"
    with Store.open(db) as store:
        plan = plan_sweep(space)
        run_sweep("grid", space.spec.text, plan, store)
        grid = [row for row in store.records("grid") if row["error"] is None]
    found = run(space, db, trials=160, sampler="tpe")
    assert found.simulated == 0
    values = [tuple(row[name] for name in DEFAULT_OBJECTIVES) for row in grid]
    best = sorted({each for each, front in zip(values, non_dominated(values), strict=True) if front})
    # Each machine runs one scheme here, so a trial is worth what its one point costs, but for a logarithm's rounding.
    assert [trial.values for trial in found.front] == [pytest.approx(each) for each in best]


def test_a_trial_is_worth_what_simulate_says(space: Space, tmp_path: Path, small_trace: Path) -> None:
    found = run(space, tmp_path / "r.sqlite", trials=1)
    (trial,) = found.trials
    choice = [
        next(
            i for i, value in enumerate(each.values) if value == tuple(_label(trial, f) for f in each.fields)
        )
        for each in space.dimensions[:-3]
    ]
    kind = trial.labels["machine"]
    point = space.at((*choice, 0, ["unstructured", "structured"].index(kind), 0))
    assert isinstance(point, Point)
    summary = simulate(small_trace, point.machine, schemes=[point.workload.scheme.name]).summary.iloc[0]
    assert trial.values is not None
    assert trial.values[:2] == pytest.approx((summary["latency_us"], summary["energy_pj"]))


def _label(trial: Trial, field: str) -> Any:
    return "freepdk45-rtl" if field == "technology" else trial.labels[field]
