"""Worker processes that are killed again and again: the sweep ends with every point, or in one line with what is done."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

distributed = pytest.importorskip("distributed", reason="needs the extra cluster")

from accelsim import AccelsimError  # noqa: E402
from accelsim.sweep import worker_watch  # noqa: E402
from tests.sweep import killed  # noqa: E402


def workers_of(pid: int) -> list[int]:
    """Processes below `pid` that multiprocessing has started as workers."""
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    children = [int(word) for word in found.stdout.split()]
    below = [each for child in children for each in workers_of(child)]
    return below + [each for each in children if b"spawn_main" in command_of(each)]


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.slow
def test_workers_killed_again_and_again(tmp_path: Path) -> None:
    spec, db = killed.write_inputs(tmp_path, 20), tmp_path / "a.db"
    process = killed.start(spec, db, "--workers", "2")
    for _ in range(8):
        until = time.monotonic() + 1.5
        while time.monotonic() < until and process.poll() is None:
            time.sleep(0.05)
        for each in workers_of(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
    _, errors = process.communicate(timeout=400)  # it waits for workers for one minute at most, then says so
    assert process.returncode in (0, 2), errors
    if process.returncode == 2:
        assert errors.count("\n") == 1 and errors.startswith("accelsim: sweep: ")
    held = killed.check_whole(db)
    killed.finished(spec, db)
    assert killed.check_whole(db) == 8 * 20 >= held
    connection = sqlite3.connect(db)
    assert connection.execute("SELECT count(*) FROM points WHERE error LIKE '%worker%'").fetchone() == (0,)


class FakeScheduler:
    """Says what `Watch` asks of a scheduler. Workers give signs of life, but for those that are stopped."""

    def __init__(self, there: int, stopped: int = 0) -> None:
        self.workers = {f"worker {number}": number < stopped for number in range(there)}
        self.time = 0.0

    def identity(self) -> dict[str, Any]:
        self.time += 1
        return {
            "workers": {
                name: {"last_seen": 0 if stopped else self.time} for name, stopped in self.workers.items()
            }
        }

    def unregister(self, address: str, stimulus_id: str) -> None:
        del self.workers[address]


class FakeClient:
    def __init__(self, there: int, stopped: int = 0) -> None:
        self.scheduler = FakeScheduler(there, stopped)

    def sync(self, ask: Callable[[], Any], callback_timeout: float) -> Any:
        return ask()


class FakeCluster:
    def __init__(self, workers: int) -> None:
        self.worker_spec: dict[int, Any] = dict.fromkeys(range(workers))
        self.workers: dict[int, Any] = {}

    def scale(self, workers: int) -> None:
        self.worker_spec = dict.fromkeys(range(workers))


def test_what_the_watch_does(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(worker_watch.time, "monotonic", lambda: now[0])

    def looks(client: FakeClient, local: FakeCluster | None, seconds: int) -> str | None:
        watch = worker_watch.Watch(client, local)  # type: ignore[arg-type]
        for _ in range(seconds):
            now[0] += 1.5
            try:
                watch.look()
            except AccelsimError as error:
                return str(error)
        return None

    local = FakeCluster(2)
    assert looks(FakeClient(2), local, 100) is None and len(local.worker_spec) == 2
    assert looks(FakeClient(1), local, 16) is None and len(local.worker_spec) == 3
    for of in (None, FakeCluster(3)):
        said = looks(FakeClient(0), of, 100)
        assert said is not None and "no worker for 60 s" in said and "\n" not in said
        if of is not None:
            assert len(of.worker_spec) > 3
    assert looks(FakeClient(1), None, 100) is None
    client = FakeClient(3, stopped=2)
    assert looks(client, None, 10) is None and len(client.scheduler.workers) == 3
    assert looks(client, None, 90) is None and list(client.scheduler.workers) == ["worker 2"]
    said = looks(FakeClient(2, stopped=2), None, 140)
    assert said is not None and "no worker for 60 s" in said
