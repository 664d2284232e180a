"""Sweep files on the small trace."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from accelsim.sweep import Space, load_sweep, open_space
from tests.sweep.dask_processes import Cluster, Process, dask

Write = Callable[..., Path]


@pytest.fixture
def write_sweep(tmp_path: Path, small_trace: Path) -> Write:
    """Write a sweep file: 2 machines x 2 schemes that each fit one, unless the arguments say otherwise."""

    def write(name: str = "mine", **keys: Any) -> Path:
        content = {
            "format": "accelsim-sweep/1",
            "name": name,
            "machines": ["unstructured", "structured"],
            "traces": [str(small_trace)],
            "schemes": ["unstructured-75", "nm-2of8"],
        } | keys
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}))
        return path

    return write


@pytest.fixture
def space_of(write_sweep: Write) -> Callable[..., Space]:
    """The space of such a file."""
    return lambda **keys: open_space(load_sweep(write_sweep(**keys)))


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Address of a scheduler, its two workers, and itself."""
    file = tmp_path / "scheduler.json"
    common = ("--scheduler-file", str(file))
    scheduler = dask("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", *common)
    workers: list[Process] = []
    try:
        deadline = time.monotonic() + 60
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        workers += [
            dask("worker", "--nthreads", "1", "--no-nanny", "--no-dashboard", *common) for _ in range(2)
        ]
        yield json.loads(file.read_text())["address"], workers, scheduler
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()
