"""Yosys (the package pyosys), in a process of its own: it ends its process on an error and keeps global state."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from accelsim.errors import AccelsimError
from accelsim.extras import missing_extra
from accelsim.rtl.process import run_tool

_WORKER = """
import sys
from pyosys import libyosys
design = libyosys.Design()
for line in open(sys.argv[1]):
    libyosys.run_pass(line.strip(), design)
"""

TIMEOUT_S = 3600


def yosys_version() -> str:
    """The installed Yosys, for reports. Raises AccelsimError, saying how to get it, if there is none."""
    try:
        return f"pyosys {importlib.metadata.version('pyosys')}"
    except importlib.metadata.PackageNotFoundError:
        raise missing_extra("synthesis", "Yosys (pyosys)", "rtl") from None


def run_yosys(what: str, commands: Sequence[str], folder: Path) -> None:
    """Run the commands, which read and write files in ``folder``.

    Raises AccelsimError, in the name of ``what``, with Yosys's own message if one fails.
    """
    yosys_version()
    script = folder / "script.ys"
    script.write_text("\n".join(commands) + "\n")
    try:
        done = run_tool([sys.executable, "-c", _WORKER, str(script)], TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise AccelsimError(f"{what}: Yosys did not finish in {TIMEOUT_S} s") from None
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
        raise AccelsimError(f"{what}: Yosys failed: {said[-1] if said else f'exit {done.returncode}'}")
