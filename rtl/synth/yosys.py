"""Mapping a design onto a cell library with Yosys and ABC (pyosys), in a process of its own.

Yosys ends its process on an error and keeps global state, hence the process.
"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from accelsim.errors import AccelsimError

_WORKER = """
import sys
from pyosys import libyosys
design = libyosys.Design()
for line in open(sys.argv[1]):
    libyosys.run_pass(line.strip(), design)
"""

TIMEOUT_S = 900


@dataclass(frozen=True)
class Recipe:
    """How a block is mapped: Booth multipliers or plain ones, adders' carry, and the delay ABC aims at."""

    delay_ps: int
    booth: bool = False
    carry: str = "brent-kung"  # or "kogge-stone", "han-carlson", "sklansky"

    def __str__(self) -> str:
        return f"{'booth' if self.booth else 'plain'}/{self.carry}/{self.delay_ps}ps"


@dataclass(frozen=True)
class Mapped:
    """Yosys's JSON netlist of the one flat top module, the netlist as Verilog, and the recipe used."""

    top: str
    json: dict[str, Any]
    verilog: str
    recipe: Recipe


def tool_versions() -> str:
    """The synthesis tools and their versions. Raises AccelsimError, saying how to get it, if pyosys is missing."""
    try:
        return f"pyosys {importlib.metadata.version('pyosys')} (Yosys with ABC)"
    except importlib.metadata.PackageNotFoundError:
        raise AccelsimError(
            "synthesis needs pyosys: pip install 'accelsim-nn[rtl]'; the shipped technology file serves without it"
        ) from None


def map_design(
    source: str,
    language: str,
    top: str,
    library: Path,
    recipe: Recipe,
    gated_bits: int,
    refused: tuple[str, ...],
) -> Mapped:
    """Map `source` (in "rtlil" or "verilog") to a flat netlist of the cells of `library` (an unpacked Liberty file).

    Registers of at least `gated_bits` bits that share an enable get a clock gate; fewer keep a multiplexer.
    Cells in `refused` are not used. Raises AccelsimError with Yosys's own message if it fails.
    """
    tool_versions()
    with TemporaryDirectory(prefix="accelsim-synth-") as folder:
        where = Path(folder)
        suffix = {"rtlil": "il", "verilog": "v"}[language]
        (where / f"in.{suffix}").write_text(source)
        reader = "read_rtlil" if language == "rtlil" else "read_verilog -sv"
        script = [f"{reader} {where}/in.{suffix}", *_script(where, top, library, recipe, gated_bits, refused)]
        (where / "script").write_text("\n".join(script) + "\n")
        try:
            done = subprocess.run(
                [sys.executable, "-c", _WORKER, str(where / "script")],
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise AccelsimError(f"{top}: Yosys did not finish in {TIMEOUT_S} s") from None
        if done.returncode or not (where / "out.json").exists():
            said = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
            raise AccelsimError(f"{top}: Yosys failed: {said[-1] if said else f'exit {done.returncode}'}")
        return Mapped(
            top, json.loads((where / "out.json").read_text()), (where / "out.v").read_text(), recipe
        )


def _script(
    where: Path, top: str, library: Path, recipe: Recipe, gated_bits: int, refused: tuple[str, ...]
) -> list[str]:
    avoid = " ".join(f"-dont_use {name}" for name in refused)
    lcu = "" if recipe.carry == "brent-kung" else f" -extra-map +/choices/{recipe.carry}.v"
    return [
        f"hierarchy -check -top {top}",
        f"synth -top {top} -flatten{' -booth' if recipe.booth else ''}{lcu}",
        # Resets and enables become what the library has: a plain flip-flop with logic, or a gated clock.
        "dfflegalize -cell $_DFF_P_ 01 -cell $_DFFE_PP_ 01",
        f"clockgate -liberty {library} -min_net_size {gated_bits}",
        "dfflegalize -cell $_DFF_P_ 01",
        "opt -full",
        f"dfflibmap -liberty {library} {avoid}",
        f"abc -liberty {library} -D {recipe.delay_ps} {avoid}",
        "opt_clean -purge",
        f"write_json {where}/out.json",
        f"write_verilog -noattr {where}/out.v",
    ]
