"""Processes that are stopped (SIGSTOP) and so never end: the sweep goes on without them, or ends in one line."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

distributed = pytest.importorskip("distributed", reason="needs the extra cluster")

from tests.sweep import killed  # noqa: E402
from tests.sweep.dask_processes import Cluster  # noqa: E402
from tests.sweep.test_killed_workers import workers_of  # noqa: E402

VPUS = 40
POINTS = 8 * VPUS
SOON = "SILENT_SECONDS=3 WORKER_SECONDS=8 ANSWER_SECONDS=8 REPLACE_SECONDS=3"


def when(what: Callable[[], bool], seconds: float = 240) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.slow
def test_workers_of_this_computer_are_replaced(tmp_path: Path) -> None:
    spec, db = killed.write_inputs(tmp_path, VPUS), tmp_path / "a.db"
    process = killed.start(spec, db, "--workers", "2", times=SOON)
    when(
        lambda: killed.check_whole(db) > POINTS // 2 or process.poll() is not None
    )  # half of them cannot be built
    stopped = workers_of(process.pid)
    assert stopped
    for each in stopped:
        os.kill(each, signal.SIGSTOP)
    _, errors = process.communicate(timeout=150)
    assert process.returncode == 0, errors
    assert killed.check_whole(db) == POINTS
    for each in stopped:  # and none of them stays behind
        with pytest.raises(ProcessLookupError):
            os.kill(each, 0)


@pytest.mark.slow
@pytest.mark.parametrize("stopped", ["one worker", "all workers", "the scheduler"])
def test_of_a_cluster(tmp_path: Path, cluster: Cluster, stopped: str) -> None:
    address, workers, scheduler = cluster
    spec, db = killed.write_inputs(tmp_path, VPUS), tmp_path / "a.db"
    process = killed.start(spec, db, "--scheduler", address, times=SOON)
    when(lambda: killed.check_whole(db) > POINTS // 2 or process.poll() is not None)
    for each in {"one worker": workers[:1], "all workers": workers, "the scheduler": [scheduler]}[stopped]:
        each.send_signal(signal.SIGSTOP)
    _, errors = process.communicate(timeout=150)
    if stopped == "one worker":
        assert process.returncode == 0, errors
        assert killed.check_whole(db) == POINTS
        return
    said = {"all workers": "no worker for 8.0 s", "the scheduler": "no answer of the Dask scheduler"}[stopped]
    assert process.returncode == 2 and errors.count("\n") == 1 and said in errors, errors
    assert POINTS > killed.check_whole(db) > POINTS // 2
