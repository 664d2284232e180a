"""Devices of the tests' own, and work that must not hang."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest


def make_device(path: Path, minor: int = 3) -> None:
    """A device node of the test's own: minor 3 swallows everything (as /dev/null), 7 is always full."""
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
        os.close(os.open(path, os.O_WRONLY))
    except OSError:
        pytest.skip("device nodes cannot be made or opened here")


def is_device(path: Path) -> bool:
    return stat.S_ISCHR(path.lstat().st_mode)


def in_a_thread(work: Callable[[], None]) -> None:
    """Run `work`, which must not hang; raises what it raises."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive(), "waits for ever"
    if raised:
        raise raised[0]
