"""Verilog to a shared library, by Verilator and the C++ compiler; kept by the hash of what went in."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from accelsim.errors import AccelsimError
from accelsim.files import replaced
from accelsim.rtl.process import run_tool
from accelsim.rtl.verilator.shim import shim_source

PREFIX = "Vmodel"
TIMEOUT_S = 3600

_COMMAND = [
    *("verilator", "--cc", "--exe", "--build", "--prefix", PREFIX, "-Mdir", "obj", "-o", "model.so"),
    # Without -fno-gate it would look through the ports of modules that are used many times, and make them differ.
    *("-O3", "-fno-gate", "--x-assign", "fast", "--x-initial", "0", "--noassert", "-Wno-fatal", "-Wno-lint"),
    *("--output-split", "20000", "-CFLAGS", "-fPIC", "-LDFLAGS", "-shared"),
    # -O2 takes three times as long to compile a machine of 16 VPUs, and gains little speed.
    *("-MAKEFLAGS", "OPT_FAST=-O1 OPT_SLOW=-O0 OPT_GLOBAL=-O1"),
]


def verilator_version() -> str:
    """The installed Verilator, for reports. Raises AccelsimError, saying how to get it, if there is none."""
    if shutil.which("verilator") is None or shutil.which("make") is None or shutil.which("g++") is None:
        raise AccelsimError(
            "this needs Verilator 5 and a C++ compiler: apt-get install verilator g++ make (Debian, Ubuntu) or "
            "brew install verilator"
        )
    said = subprocess.run(["verilator", "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"Verilator (\d+)\.(\d+)", said)
    if version is None or int(version[1]) < 5:
        raise AccelsimError(
            f"this needs Verilator 5 or newer; found {said.strip() or 'one that does not run'}"
        )
    return f"Verilator {version[1]}.{version[2]}"


def cache_folder() -> Path:
    """Where built models are kept: $XDG_CACHE_HOME/accelsim/verilator, or ~/.cache/accelsim/verilator."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "accelsim" / "verilator"


def build_library(
    verilog: str,
    top: str,
    ports: Sequence[str],
    folder: Path | None = None,
    building: Callable[[], None] = lambda: None,
) -> Path:
    """The model of ``top`` as a shared library, built if ``folder`` does not hold it yet.

    ``ports`` is what Python will reach. ``building`` is called before a
    compilation begins. Raises AccelsimError if a tool is missing or fails.
    """
    version = verilator_version()
    shim = shim_source(PREFIX, ports)
    key = hashlib.sha256("\0".join([version, *_COMMAND, top, verilog, shim]).encode()).hexdigest()
    folder = cache_folder() if folder is None else folder
    library = folder / f"{key[:32]}.so"
    if library.exists():
        return library
    building()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="accelsim-verilator-") as scratch:
            where = Path(scratch)
            (where / "model.v").write_text(verilog)
            (where / "shim.cpp").write_text(shim)
            _run(
                [*_COMMAND, "-j", str(os.cpu_count() or 1), "--top-module", top, "model.v", "shim.cpp"], where
            )
            with replaced(library, regular_only=True) as target:
                shutil.copyfile(where / "obj" / "model.so", target)
    except OSError as error:
        raise AccelsimError(f"{folder}: cannot build the Verilator model there: {error.strerror}") from None
    return library


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        done = run_tool(command, TIMEOUT_S, folder)
    except subprocess.TimeoutExpired:
        raise AccelsimError(f"Verilator did not finish in {TIMEOUT_S} s") from None
    if done.returncode:
        said = [line for line in (done.stderr + done.stdout).splitlines() if "rror" in line]
        raise AccelsimError(f"Verilator failed: {said[0] if said else f'exit {done.returncode}'}")
