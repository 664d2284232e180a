"""A small database of made-up results."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from accelsim import load_machine, load_technology, open_trace
from accelsim.counts import COUNT_NAMES
from accelsim.energy import GROUPS
from accelsim.store import Outcome, Point, Store, Workload
from accelsim.store.database_tables import COSTS


@pytest.fixture(scope="session")
def points(small_trace: Path) -> list[tuple[Point, Outcome]]:
    trace = open_trace(small_trace)
    workload = Workload(trace, trace.scheme("nm-2of8"), range(2))
    subjects = [
        Point(load_machine("structured").resized(vpus=vpus), load_technology(), workload)
        for vpus in range(1, 9)
    ]
    costs = {name: 1 + index / 3 for index, name in enumerate(COSTS)}
    costs["energy_pj"] = sum(costs[f"{group}_pj"] for group in GROUPS)
    counts = {name: 2**60 + index for index, name in enumerate(COUNT_NAMES)}
    return [(each, Outcome(each.id, None, costs, {"mvu_busy": 0.1}, counts)) for each in subjects]


@pytest.fixture(scope="session")
def made_db(tmp_path_factory: pytest.TempPathFactory, points: list[tuple[Point, Outcome]]) -> Path:
    path = tmp_path_factory.mktemp("database") / "a.db"
    with Store.open(path) as store:
        store.set_sweep("mine", "the file", [(point.id, {"machine": "m"}) for point, _ in points])
        store.put(points, "compiled")
    return path


@pytest.fixture
def db(tmp_path: Path, made_db: Path) -> Path:
    return Path(shutil.copyfile(made_db, tmp_path / "a.db"))
