"""From Amaranth to RTLIL and Verilog."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from amaranth.back import rtlil
from amaranth.hdl import Elaboratable, Value
from amaranth.hdl._ir import PortDirection
from amaranth.lib import wiring

from rtl.blocks.once import WrittenOnce
from rtl.yosys import run_yosys

_NOTE = re.compile(r"^\s*attribute \\(src|generator|top|amaranth\.\w+) .*\n", re.MULTILINE)
# Zeroes for every word of an SRAM are most of a machine's text, and nothing reads a word that it has not written.
_ZEROED = re.compile(
    r"^  cell \$meminit_v2 \$\d+\n(?:    .*\n)*?    connect \\DATA \d+'0+\n(?:    .*\n)*?  end\n",
    re.MULTILINE,
)


def to_rtlil(block: wiring.Component, name: str) -> str:
    """The block as RTLIL with the top module ``name``, and a module for each kind of block marked `written_once`.

    Notes on source lines and the initial zeroes of memories are left out.
    """
    once = WrittenOnce()
    texts = [_converted(block, block, name, once)]
    while len(texts) <= len(once.bodies):  # a body may bring further ones
        module, body, component = once.bodies[len(texts) - 1]
        texts.append(_converted(body, component, module, once))
    return "".join(_ZEROED.sub("", _NOTE.sub("", text)) for text in texts)


def _converted(design: Elaboratable, block: wiring.Component, name: str, once: WrittenOnce) -> str:
    ports = {}
    for path, member, value in block.signature.flatten(block):
        direction = PortDirection.Input if member.flow == wiring.In else PortDirection.Output
        ports["__".join(map(str, path))] = (Value.cast(value), direction)
    text: str = rtlil.convert(design, name=name, platform=once, ports=ports, emit_src=False)
    return text


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
