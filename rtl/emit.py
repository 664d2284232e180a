"""From Amaranth to RTLIL and Verilog, each distinct module once.

Amaranth writes a module per instance: sixteen VPUs are sixteen copies. Equal ones are joined, which makes the
Verilog of a machine as long as its description and saves a simulator's compiler the work.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from tempfile import TemporaryDirectory

from amaranth.back import rtlil
from amaranth.lib import wiring

from rtl.yosys import run_yosys

_MODULE = re.compile(r"^module (\\\S+)$", re.MULTILINE)
_CELL = re.compile(r"^(\s*cell )(\\\S+)( )", re.MULTILINE)
# Zeroes for every word of an SRAM are most of a machine's text, and nothing reads a word that it has not written.
_ZEROED = re.compile(
    r"^  cell \$meminit_v2 \$\d+\n(?:    .*\n)*?    connect \\DATA \d+'0+\n(?:    .*\n)*?  end\n",
    re.MULTILINE,
)
_NOTE = re.compile(r"^\s*attribute \\(src|generator|amaranth\.\w+) .*\n", re.MULTILINE)


def to_rtlil(block: wiring.Component, name: str) -> str:
    """The block as RTLIL with the top module ``name``; equal modules joined, notes on source
    lines and memories' initial zeroes removed."""
    return joined(rtlil.convert(block, name=name, emit_src=False))


def joined(text: str) -> str:
    """The design with every set of equal modules replaced by its first, without notes and initial zeroes.

    Modules are equal if their text is, once the modules they instantiate have been joined: the names of wires
    and cells inside a module do not depend on the instance.
    """
    text = _ZEROED.sub("", _NOTE.sub("", text))
    starts = [match.start() for match in _MODULE.finditer(text)]
    head = text[: starts[0]]
    bodies: dict[str, str] = {}
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        line, _, body = text[start:end].partition("\n")
        bodies[line.split()[1]] = body
    kept: dict[str, str] = {}  # hash of a body: the module that stands for it
    stands_for: dict[str, str] = {}

    def visit(name: str) -> str:
        if name not in stands_for:
            body = _CELL.sub(
                lambda cell: cell[1] + (visit(cell[2]) if cell[2] in bodies else cell[2]) + cell[3],
                bodies[name],
            )
            bodies[name] = body
            stands_for[name] = kept.setdefault(hashlib.sha256(body.encode()).hexdigest(), name)
        return stands_for[name]

    for name in bodies:
        visit(name)
    return head + "".join(f"module {name}\n{bodies[name]}" for name in bodies if stands_for[name] == name)


def to_verilog(block: wiring.Component, name: str) -> str:
    """The block as Verilog with the top module ``name``. Raises AccelsimError if Yosys is missing or fails."""
    with TemporaryDirectory(prefix="accelsim-verilog-") as folder:
        where = Path(folder)
        (where / "in.il").write_text(to_rtlil(block, name))
        run_yosys(
            name,
            [
                f"read_rtlil {where}/in.il",
                f"hierarchy -check -top {name}",
                # Only the processes that Verilog can say as such are left to it: case trees and memories are not.
                "proc -nomux -norom",
                "memory_collect",
                f"write_verilog -norename -noattr {where}/out.v",
            ],
            where,
        )
        return (where / "out.v").read_text()
