"""Mapping a design onto a cell library with Yosys and ABC."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from accelsim.errors import AccelsimError
from accelsim.rtl.synth.library import Cell, Library
from accelsim.rtl.yosys import run_yosys

_RESET = re.compile(r"^\s*wire\b.*\binput\b.*\\rst$", re.MULTILINE)

GATED_BITS = 4
"""Registers of so many bits that share an enable get a clock gate; fewer keep their old value by a multiplexer."""


@dataclass(frozen=True)
class Recipe:
    """How a block is mapped: multipliers by Booth's recoding or plainly, and the delay ABC aims at."""

    delay_ps: int
    booth: bool

    def __str__(self) -> str:
        return f"{'booth' if self.booth else 'plain'}, {self.delay_ps} ps"


@dataclass(frozen=True)
class Mapped:
    """Yosys's JSON netlist, whose module `top` is flat, and the same as Verilog."""

    top: str
    json: dict[str, Any]
    verilog: str


def map_design(
    source: str, top: str, library: Library, recipe: Recipe, ignored: Sequence[str] = ()
) -> Mapped:
    """Map module `top` of `source` (RTLIL if it begins like it, else Verilog) to a flat netlist of the library's cells.

    Output ports in `ignored`, and the logic that only they need, are left out. A reset port `rst` is tied to 0: it
    is needed once, and registers of data do without.
    Raises AccelsimError if pyosys is missing (it says how to get it) or Yosys fails (with its message).
    """
    rtlil = source.lstrip().startswith(("attribute ", "module \\", "autoidx ", "#"))
    with TemporaryDirectory(prefix="accelsim-synth-") as folder:
        where = Path(folder)
        liberty, constraints, design = where / "cells.lib", where / "constraints", where / "design"
        liberty.write_text(library.text)
        constraints.write_text(_surroundings(library))
        design.write_text(source)
        avoid = " ".join(f"-dont_use {name}" for name in _avoided(library))
        commands = [
            f"read_rtlil {design}" if rtlil else f"read_verilog -sv {design}",
            f"hierarchy -check -top {top}",
            *_without(top, [*ignored, "rst"] if _RESET.search(source) else ignored),
            f"synth -top {top} -flatten{' -booth' if recipe.booth else ''}",
            # Resets and enables become what the library has: a plain flip-flop with logic, or a gated clock.
            "dfflegalize -cell $_DFF_P_ 01 -cell $_DFFE_PP_ 01",
            f"clockgate -liberty {liberty} -min_net_size {GATED_BITS}",
            "dfflegalize -cell $_DFF_P_ 01",
            "opt -full",
            "simplemap",  # the last command may merge gates behind a new multiplexer
            f"dfflibmap -liberty {liberty} {avoid}",
            f"abc -liberty {liberty} -constr {constraints} -D {recipe.delay_ps} {avoid}",
            "opt_clean -purge",
            f"write_json {where}/out.json",
            f"write_verilog -noattr {where}/out.v",
        ]
        run_yosys(top, commands, where)
        return Mapped(top, json.loads((where / "out.json").read_text()), (where / "out.v").read_text())


def _without(top: str, ports: Sequence[str]) -> list[str]:
    """Commands that make inner wires of ports: of an output nothing is left, an input is 0."""
    commands = [f"delete -port {top}/w:{port}" for port in ports]
    if "rst" in ports:
        commands += ["proc", f"select -module {top}", "connect -nounset -set rst 1'0", "select -clear"]
    return commands


def _surroundings(library: Library) -> str:
    """What ABC assumes around the logic, so that it buffers and sizes: a small buffer drives it, a register loads it."""
    buffers = [
        cell for cell in library.cells.values() if _is_buffer(cell) and cell.name not in _avoided(library)
    ]
    if not buffers:
        raise AccelsimError(f"{library.path}: no buffer among its cells")
    driver = min(buffers, key=lambda cell: (cell.area_um2, cell.name))
    return f"set_driving_cell {driver.name}\nset_load {library.register_load_ff:g} [all_outputs]\n"


def _is_buffer(cell: Cell) -> bool:
    functions = [cell.pins[pin].function for pin in cell.outputs]
    return len(cell.inputs) == 1 and cell.register is None and [f.op for f in functions if f] == ["pin"]


def _avoided(library: Library) -> Sequence[str]:
    """Cells meant for clock trees, which ABC would use as buffers."""
    return [name for name in library.cells if name.upper().startswith("CLKBUF")]
