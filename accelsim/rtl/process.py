"""Running a tool that starts processes of its own: none of them outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path


def run_tool(
    command: Sequence[str], timeout_s: float, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in ``folder`` to its end and return its exit code and what it printed.

    After ``timeout_s`` seconds (subprocess.TimeoutExpired), Ctrl-C, or any other exception it is killed with all that
    it started: Yosys's ABC, Verilator's compilers.
    """
    # On POSIX a session of its own, so that its processes can be ended together; Ctrl-C then reaches them through us alone.
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as tool:
        try:
            out, err = tool.communicate(timeout=timeout_s)
        except BaseException:
            with suppress(ProcessLookupError):  # it may have ended meanwhile
                if sys.platform == "win32":
                    tool.kill()
                else:
                    os.killpg(tool.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, tool.returncode, out, err)
