"""Processes of Dask on the loopback."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

Process = subprocess.Popen[Any]
Cluster = tuple[str, list[Process], Process]


def dask(*arguments: str) -> Process:
    """A process of Dask, told to be quiet."""
    command = [sys.executable, "-m", "dask", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
