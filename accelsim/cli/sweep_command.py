"""``accelsim sweep``."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from accelsim.cli.completion_command import bundled_or_file
from accelsim.cli.options import engine_option
from accelsim.errors import AccelsimError
from accelsim.json_text import json_text

if TYPE_CHECKING:
    from accelsim.store import Point, Store
    from accelsim.sweep.space import Space
    from accelsim.sweep.sweep_plan import Plan
    from accelsim.sweep.sweep_run import Executor, Progress, Report

DEFAULT_DB = "out/sweeps.db"
SHOWN_POINTS = 5
LOG_SECONDS = 30.0

workers_option = click.option(
    "--workers", type=click.IntRange(1, 1024), help="Run on so many processes of this computer (Dask)."
)
scheduler_option = click.option(
    "--scheduler", metavar="tcp://HOST:PORT", help="Run on the workers of that Dask scheduler."
)


@click.command()
@click.argument("spec", metavar="SWEEP.yaml", shell_complete=bundled_or_file("hwconfigs/sweeps"))
@click.option("--db", default=DEFAULT_DB, show_default=True, help="The results database; made if missing.")
@click.option("--dry-run", is_flag=True, help="Only tell what would run, and about how long.")
@workers_option
@scheduler_option
@engine_option
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def sweep(
    spec: str,
    db: str,
    dry_run: bool,
    workers: int | None,
    scheduler: str | None,
    engine: str,
    as_json: bool,
) -> None:
    """Simulate every point that SWEEP.yaml (a file or a bundled sweep's name) spans, into a database.

    What the database has already is not run again, whichever sweep ran it: an interrupted sweep goes on, and a
    larger one runs only what is new.

    \b
    Examples: accelsim sweep mine.yaml --dry-run
              accelsim sweep mine.yaml --db out/mine.db
              accelsim results out/mine.db --sort edp_pj_us
    """
    from accelsim.store import Store
    from accelsim.sweep.space import open_space
    from accelsim.sweep.sweep_file import load_sweep
    from accelsim.sweep.sweep_run import missing, run_sweep

    check_one_of(workers, scheduler)
    loaded = load_sweep(spec)
    space = open_space(loaded)
    if dry_run:
        with _if_there(db) as there:
            plan = _planned(space)
            pending = missing(plan, there)
        _show_plan(space, plan, pending, engine, as_json)
        return
    with Store.open(db) as store:
        plan = _planned(space)
        with executor_of(workers, scheduler) as executor, _watched() as report:
            progress = run_sweep(
                loaded.file.name, loaded.text, plan, store, engine=engine, executor=executor, report=report
            )
    _show_done(progress, db, as_json)


def _planned(space: Space) -> Plan:
    from accelsim.sweep.sweep_plan import plan_sweep

    if not sys.stderr.isatty():
        return plan_sweep(space)
    from rich.console import Console

    with Console(stderr=True).status("resolving machines") as status:
        return plan_sweep(
            space, lambda count: status.update(f"resolving machines: {count} of {space.combinations}")
        )


@contextmanager
def _if_there(db: str) -> Iterator[Store | None]:
    from accelsim.store import Store

    if not os.path.exists(db):  # noqa: PTH110 - Path raises where a name is too long
        yield None
        return
    with Store.open_to_read(db) as store:
        yield store


def check_one_of(workers: int | None, scheduler: str | None) -> None:
    """Raise AccelsimError if both are given."""
    if workers is not None and scheduler is not None:
        raise AccelsimError("give one of --workers and --scheduler")


@contextmanager
def executor_of(workers: int | None, scheduler: str | None) -> Iterator[Executor]:
    """What runs tasks: this process, worker processes of this computer, or those of a scheduler."""
    from accelsim.sweep.sweep_run import run_here

    if workers is None and scheduler is None:
        yield run_here
        return
    from accelsim.sweep.cluster import dask_executor

    with dask_executor(workers, scheduler) as executor:
        yield executor


@contextmanager
def _watched() -> Iterator[Report]:
    """A live bar on a terminal; a line now and then where stderr is a file."""
    if not sys.stderr.isatty():
        yield _Log()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("points{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda now: bar.update(
            task, completed=now.total - now.left, total=now.total, description=_described(now)
        )


class _Log:
    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, now: Progress) -> None:
        if time.monotonic() - self._last > LOG_SECONDS:
            self._last = time.monotonic()
            click.echo(f"accelsim: {now.total - now.left} of {now.total} points{_described(now)}", err=True)


def _described(now: Progress) -> str:
    left = now.seconds_left(time.monotonic())
    failed = f", {now.failed + now.unbuildable} failed" if now.failed + now.unbuildable else ""
    return f"{failed}, {duration(left)} left" if left is not None and now.left else failed


def duration(seconds: float) -> str:
    """``2 h 05 min``, ``3 min 20 s`` or ``7 s``."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{whole} s"


def _show_plan(space: Space, plan: Plan, pending: list[Point], engine: str, as_json: bool) -> None:
    from accelsim.sweep.sweep_run import estimate

    seconds = estimate(pending, engine)
    ids = list(plan.subjects)[:SHOWN_POINTS]
    if as_json:
        first = [{**plan.labels[each], "scheme": plan.subjects[each].workload.scheme.name} for each in ids]
        content = {
            "sweep": space.spec.file.name,
            "points": len(plan.subjects),
            "pending": len(pending),
            "unbuildable": len(plan.unbuildable),
            "left_out": dict(plan.left_out),
            "seconds": seconds,
            "first": first,
        }
        click.echo(json_text(content))
        return
    kept = len(plan.subjects) - len(pending) - len(plan.unbuildable)
    click.echo(
        f"{space.spec.file.name}: {len(plan.subjects)} points ({space.combinations} combinations), "
        f"{kept} done before, {len(pending)} to run, about {duration(seconds)} here"
    )
    reasons = {
        "where": "left out by `where`",
        "scheme": "whose scheme is not for the machine or trace",
        "same": "equal to an earlier one",
    }
    for why, count in plan.left_out.items():
        click.echo(f"  {count} {reasons[why]}")
    if faulty := plan.unbuildable:
        click.echo(f"  {len(faulty)} cannot be built; the first: {faulty[0].error}")
    for each in ids:
        subject, labels = plan.subjects[each], plan.labels[each]
        axes = ", ".join(f"{name} {value}" for name, value in labels.items() if name != "machine")
        workload = subject.workload
        what = f"{workload.trace.network} {workload.scheme.name}, {len(workload.images)} image(s)"
        click.echo(f"  {labels['machine']}: {what}, {axes}")
    if len(plan.subjects) > len(ids):
        click.echo("  ...")


def _show_done(progress: Progress, db: str, as_json: bool) -> None:
    failed = progress.failed + progress.unbuildable
    if as_json:
        content = {
            "points": progress.total,
            "kept": progress.kept,
            "run": progress.done,
            "failed": failed,
            "db": db,
        }
        click.echo(json_text(content))
        return
    seconds = time.monotonic() - progress.started
    click.echo(
        f"{progress.total} points: {progress.kept} done before, {progress.done} run in {duration(seconds)}"
        + (f", {failed} failed (accelsim results {db} --where 'state == \"failed\"')" if failed else "")
    )
    click.echo(f"written: {db}")
