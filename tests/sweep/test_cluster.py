"""Sweeps on Dask: a real scheduler and real worker processes on the loopback."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

distributed = pytest.importorskip("distributed", reason="needs the extra cluster")

from tests.sweep import killed  # noqa: E402
from tests.sweep.dask_processes import Cluster  # noqa: E402

VPUS = 80  # so many points that the sweep is not over before a worker is killed
POINTS, UNBUILDABLE = 8 * VPUS, 4 * VPUS
LONG = 1200  # VPUs: so many points that the sweep is not over before it is interrupted


@pytest.mark.slow
def test_a_worker_dies_and_nothing_is_lost(tmp_path: Path, cluster: Cluster) -> None:
    address, workers, _ = cluster
    spec, db = killed.write_inputs(tmp_path, VPUS), tmp_path / "cluster.db"
    process = killed.start(spec, db, "--scheduler", address)
    deadline = time.monotonic() + 240
    while killed.check_whole(db) < UNBUILDABLE + POINTS // 10 and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    workers[0].kill()
    held = killed.check_whole(db)
    assert held < POINTS, "the sweep was over before the worker died"
    _, errors = process.communicate(timeout=240)
    assert (process.returncode, errors) == (0, "")
    assert workers[1].poll() is None
    killed.finished(spec, tmp_path / "here.db")
    assert killed.rows_of(db) == killed.rows_of(tmp_path / "here.db")
    assert len(killed.rows_of(db)) == POINTS


@pytest.mark.slow
def test_interrupted_with_workers_of_its_own(tmp_path: Path) -> None:
    spec, db = killed.write_inputs(tmp_path, LONG), tmp_path / "a.db"
    process = killed.start(spec, db, "--workers", "2")
    deadline = time.monotonic() + 240
    while killed.check_whole(db) <= 4 * LONG and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    children = _children(process.pid)
    errors = killed.interrupt(process)
    assert (process.returncode, errors) == (
        130,
        "accelsim: interrupted; files already written are whole",
    )
    assert 4 * LONG < killed.check_whole(db) < 8 * LONG
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{child}").exists() for child in children), "a worker is left behind"


@pytest.mark.slow
def test_interrupted_while_workers_start(tmp_path: Path) -> None:
    process = killed.start(killed.write_inputs(tmp_path, 4), tmp_path / "a.db", "--workers", "2")
    deadline, children = time.monotonic() + 300, list[int]()
    while len(children) < 2:  # Python's own helper is the first, a worker the next
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.05)
        children = _children(process.pid)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=240)
    assert (process.returncode, errors.strip()) == (
        130,
        "accelsim: interrupted; files already written are whole",
    )
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{child}").exists() for child in children), "a worker is left behind"


def _children(pid: int) -> list[int]:
    # Its exit code is 1 where there are none.
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return [int(word) for word in found.stdout.split()]


def test_nobody_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from accelsim import AccelsimError
    from accelsim.sweep import cluster

    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    for address in ("tcp://127.0.0.1:9", "nonsense://x", "tcp://"):
        with (
            pytest.raises(AccelsimError, match="--scheduler") as caught,
            cluster.dask_executor(None, address),
        ):
            pass
        assert "\n" not in str(caught.value)


def test_a_worker_with_other_code_or_another_trace_is_refused(small_trace: Path) -> None:
    from dataclasses import replace

    from accelsim import AccelsimError, load_machine, load_technology, open_trace
    from accelsim.store import Point, Workload
    from accelsim.sweep.cluster import _job, work
    from accelsim.sweep.evaluate_points import evaluate

    trace = open_trace(small_trace)
    point = Point(
        load_machine("structured"), load_technology(), Workload(trace, trace.scheme("nm-1of8"), range(2))
    )
    job = _job([point, point], "compiled")
    assert len(job.technologies) == 1
    outcomes, seconds = work(job)
    assert outcomes == list(evaluate([point])) * 2
    assert seconds > 0
    with pytest.raises(AccelsimError, match="install the same on all"):
        work(replace(job, code="0.0.0+other"))
    with pytest.raises(AccelsimError, match="another trace"):
        work(replace(job, trace_sha256="0" * 64))


def test_a_worker_without_accelsim_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from accelsim import AccelsimError
    from accelsim.sweep import cluster

    def prepare(engine: str) -> None:
        raise ModuleNotFoundError("No module named 'accelsim'")

    monkeypatch.setattr(cluster, "prepare", prepare)
    with (
        distributed.Client(processes=False, n_workers=1, dashboard_address="127.0.0.1:0") as client,
        pytest.raises(AccelsimError, match="No module named 'accelsim'; install the same") as caught,
    ):
        cluster._on(client)
    assert "\n" not in str(caught.value)


def test_a_worker_that_is_gone_before_it_begins_is_no_matter() -> None:
    from accelsim.sweep import cluster

    class Client:
        """Of two workers, one of which died as it was asked."""

        def sync(self, ask: Callable[[], Coroutine[Any, Any, Any]], callback_timeout: float) -> object:
            return asyncio.run(ask())

        async def run(self, function: object, *arguments: object, on_error: str) -> dict[str, object]:
            assert on_error == "return"
            return {"tcp://a": OSError("connection closed"), "tcp://b": None}

    assert callable(cluster._on(Client()))  # type: ignore[arg-type]
