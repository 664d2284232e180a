"""Run what is missing of a sweep, and write it down as it comes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from accelsim.engine import ENGINES
from accelsim.interrupt import stop_if_pressed
from accelsim.store import Outcome, Point, Store
from accelsim.sweep.evaluate_points import Batches, evaluate
from accelsim.sweep.sweep_plan import Plan
from accelsim.sweep.tasks import Tasks

TIMED_SECONDS = 1.5
"""How long `estimate` simulates at most, once the engine is ready, before it calls the time good enough."""


@dataclass
class Progress:
    """How far a run is. All are numbers of points.

    total: of the sweep. kept: in the database before. unbuildable: recorded as failed without running. done: run
    so far; failed: of those.
    """

    total: int
    kept: int
    unbuildable: int
    started: float
    done: int = 0
    failed: int = 0
    _first: tuple[float, int] | None = None

    @property
    def left(self) -> int:
        """Still to run."""
        return self.total - self.kept - self.unbuildable - self.done

    def add(self, now: float, done: int, failed: int) -> None:
        """Some more have run. ``now`` and ``started`` are seconds of one clock."""
        self.done += done
        self.failed += failed
        if self._first is None:
            self._first = now, self.done

    def seconds_left(self, now: float) -> float | None:
        """What the rest takes if it goes on as it did; None before anything is done."""
        if self._first is None:
            return None
        # Since the first task, where there is more: until then workers were only starting.
        since, before = self._first if self.done >= 3 * self._first[1] else (self.started, 0)
        return (now - since) * self.left / (self.done - before)


Report = Callable[[Progress], None]
Executor = Callable[[Tasks, str], Iterator[tuple[list[Point], list[Outcome]]]]
"""Runs all tasks with the engine of that name, and yields each with its outcomes as they are done, in any order."""


def run_here(tasks: Tasks, engine: str) -> Iterator[tuple[list[Point], list[Outcome]]]:
    """Run the tasks in this process, one after the other; the images of one are shared by threads."""
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    batches = Batches()
    while points := tasks.take():
        start = time.perf_counter()
        outcomes = list(evaluate(points, engine, threads, batches))
        tasks.learn(points, time.perf_counter() - start)
        yield points, outcomes


def missing(plan: Plan, store: Store | None) -> list[Point]:
    """The points of the plan that are not in the database as done."""
    done = store.done() if store is not None else set()
    return [point for point in plan.subjects.values() if isinstance(point, Point) and point.id not in done]


def run_sweep(
    name: str,
    text: str,
    plan: Plan,
    store: Store,
    *,
    engine: str = ENGINES[0],
    executor: Executor = run_here,
    report: Report | None = None,
) -> Progress:
    """Record the sweep's members, then run the points that are missing and record each task as it is done.

    What was recorded stays, however this ends: the next run goes on from there. ``name`` and ``text`` are the sweep
    file's. Raises AccelsimError if the database cannot be written.
    """
    store.set_sweep(name, text, plan.labels.items())
    unbuildable = plan.unbuildable
    store.put(((subject, Outcome(subject.id, subject.error)) for subject in unbuildable), engine)
    pending = missing(plan, store)
    prepare(engine)
    kept = len(plan.subjects) - len(unbuildable) - len(pending)
    progress = Progress(len(plan.subjects), kept, len(unbuildable), time.monotonic())
    for points, outcomes in executor(Tasks(pending), engine):
        stop_if_pressed()
        store.put(zip(points, outcomes, strict=True), engine)
        failed = sum(outcome.error is not None for outcome in outcomes)
        progress.add(time.monotonic(), len(points), failed)
        if report is not None:
            report(progress)
    return progress


def estimate(pending: list[Point], engine: str = ENGINES[0]) -> float:
    """Seconds that these points take in this process, from running a few of them; nothing is recorded."""
    if not pending:
        return 0.0
    prepare(engine)
    tasks, timed, start = Tasks(pending), 0, time.perf_counter()
    for points, _ in run_here(tasks, engine):
        timed += len(points)
        if time.perf_counter() - start > TIMED_SECONDS:
            break
    return (time.perf_counter() - start) / timed * len(pending)


def prepare(engine: str) -> None:
    """Make the engine ready, so that compiling it is not taken for the time of a point."""
    if engine == "compiled":
        from accelsim.engine.compiled import load_or_compile

        load_or_compile()
