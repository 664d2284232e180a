"""A tool's own processes end with it: on a timeout, and on Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from accelsim.rtl.process import run_tool

TOOL = """
import pathlib, subprocess, sys
inner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
place = pathlib.Path(sys.argv[1])
place.with_suffix(".new").write_text(str(inner.pid))
place.with_suffix(".new").rename(place)
inner.wait()
"""


def wait_for(what: Callable[[], bool]) -> None:
    """However long it takes; a test that hangs is ended by whoever runs it."""
    while not what():
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        # Where nobody collects orphans, they stay as zombies.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except ProcessLookupError:
        return True
    except FileNotFoundError:  # gone since, or no /proc here
        return False


def test_what_it_printed_and_how_it_ended(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd()); print('no', file=sys.stderr); sys.exit(3)"
    done = run_tool([sys.executable, "-c", code], 600, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (3, f"{tmp_path.resolve()}\n", "no\n")


def test_a_timeout_ends_what_the_tool_has_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "pid"
    ended_in_time = subprocess.Popen.communicate

    def too_late(self: subprocess.Popen[str], *_: object, timeout: float | None = None) -> tuple[str, str]:
        if timeout is None:
            return ended_in_time(self)
        wait_for(place.exists)  # on however busy a computer
        raise subprocess.TimeoutExpired(self.args, timeout)

    monkeypatch.setattr(subprocess.Popen, "communicate", too_late)
    with pytest.raises(subprocess.TimeoutExpired):
        run_tool([sys.executable, "-c", TOOL, str(place)], 5)
    wait_for(lambda: is_gone(int(place.read_text())))


def test_an_interruption_ends_what_the_tool_has_started(tmp_path: Path) -> None:
    place = tmp_path / "pid"

    def press() -> None:
        wait_for(place.exists)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run_tool([sys.executable, "-c", TOOL, str(place)], 600)
    wait_for(lambda: is_gone(int(place.read_text())))
