"""A point's outcome is what `simulate` says, image by image."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from accelsim import AccelsimError, load_machine, load_technology, open_trace, simulate
from accelsim.counts import COUNT_NAMES
from accelsim.energy import area
from accelsim.store import Outcome, Point, Workload
from accelsim.store.database_tables import COSTS
from accelsim.sweep import Space
from accelsim.sweep.evaluate_points import evaluate
from accelsim.sweep.tasks import Tasks

TECHNOLOGY = load_technology()


def point_of(
    small_trace: Path, machine: str = "structured", scheme: str = "nm-2of8", images: range = range(2)
) -> Point:
    trace = open_trace(small_trace)
    return Point(load_machine(machine), TECHNOLOGY, Workload(trace, trace.scheme(scheme), images))


@pytest.mark.parametrize(
    ("machine", "scheme"),
    [("dense", "dense"), ("unstructured", "unstructured-75"), ("structured", "nm-1of8")],
)
def test_equals_simulate(small_trace: Path, machine: str, scheme: str) -> None:
    point = point_of(small_trace, machine, scheme)
    (outcome,) = evaluate([point])
    results = simulate(point.workload.trace, point.machine, schemes=[scheme])
    images, (summary,) = results.images, results.summary.to_dict("records")
    assert outcome.error is None
    assert tuple(outcome.costs) == COSTS
    for name in COSTS:
        expected = area(point.machine, TECHNOLOGY).total_mm2 if name == "area_mm2" else summary[name]
        assert outcome.costs[name] == pytest.approx(expected, rel=1e-12), name
    for name in COUNT_NAMES:
        assert outcome.counts[name] == images[name].sum()
        assert type(outcome.counts[name]) is int
    busy = images["mvu_busy"] * images["core_cycles"]
    assert outcome.utilization["mvu_busy"] == pytest.approx(busy.sum() / images["core_cycles"].sum())


def test_engines_agree(small_trace: Path) -> None:
    point = point_of(small_trace)
    assert list(evaluate([point], "compiled")) == list(evaluate([point], "reference"))


def test_many_at_once_are_as_one_by_one(small_trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = point_of(small_trace)
    points = [first, Point(first.machine.resized(vpus=3), TECHNOLOGY, first.workload)]
    alone = [outcome for point in points for outcome in evaluate([point])]
    assert list(evaluate(points)) == alone
    monkeypatch.setattr(sys.modules["accelsim.image_batches"], "BATCH_IMAGES", 1)
    for whole, batched in zip(alone, evaluate(points), strict=True):
        assert whole.counts == batched.counts
        assert np.allclose(list(whole.costs.values()), list(batched.costs.values()), rtol=1e-12)


def test_a_point_that_fails_does_not_stop_the_others(small_trace: Path) -> None:
    good = point_of(small_trace)
    data = good.machine.model_dump(mode="json")
    too_small = {**data, "patch_buffer": {**data["patch_buffer"], "kib": 1, "macro_kib": 1}}
    faulty = [
        Point(type(good.machine).model_validate(changed), TECHNOLOGY, good.workload)
        for changed in ({**data, "clock_mhz": 9999}, too_small)
    ]
    clock, small, fine = evaluate([*faulty, good])
    assert "clock_mhz" in str(clock.error)
    assert "too small" in str(small.error)
    assert fine.error is None
    assert clock == Outcome(faulty[0].id, clock.error)


def test_a_damaged_trace_is_told(small_trace: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.h5"
    copy.write_bytes(small_trace.read_bytes())
    trace = open_trace(copy)
    content = bytearray(copy.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    copy.write_bytes(content)
    point = Point(load_machine("structured"), TECHNOLOGY, Workload(trace, trace.scheme("nm-2of8"), range(2)))
    with pytest.raises(AccelsimError, match=r"copy\.h5"):
        list(evaluate([point]))


def test_tasks_hand_out_every_point_once(space_of: Callable[..., Space]) -> None:
    from accelsim.sweep.sweep_plan import plan_sweep

    plan = plan_sweep(space_of(axes={"mvu.vpus": {"from": 1, "to": 40, "step": 1}}))
    points = [subject for subject in plan.subjects.values() if isinstance(subject, Point)]
    tasks, sizes, seen = Tasks(points), [], []
    while task := tasks.take():
        assert len({point.workload for point in task}) == 1
        sizes.append(len(task))
        seen += task
        tasks.learn(task, 0.1 * len(task))
    assert sorted(point.id for point in seen) == sorted(plan.subjects)
    assert max(sizes) == 10  # a second's worth, at a tenth of a second each
    # Both workloads are half done when half is done.
    half = seen[: len(seen) // 2]
    shares = [sum(point.workload is workload for point in half) for workload in {p.workload for p in points}]
    assert max(shares) - min(shares) <= 10
