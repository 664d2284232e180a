"""From Amaranth to Verilog."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from amaranth.back import rtlil
from amaranth.hdl import Elaboratable, Instance, Value
from amaranth.hdl._ir import PortDirection
from amaranth.lib import memory, wiring

from accelsim.rtl.blocks.once import WrittenOnce
from accelsim.rtl.memory_model import memory_instance, memory_verilog
from accelsim.rtl.yosys import run_yosys

# Every converted module is marked as a top.
_TOP = re.compile(r"^\s*attribute \\top .*\n", re.MULTILINE)


class _Verilog(WrittenOnce):
    """The platform of `to_verilog`: memories become instances of our own models."""

    def __init__(self) -> None:
        super().__init__()
        self._models: dict[str, str] = {}  # the Verilog of a memory after its module's name: that name

    def get_memory(self, memory: memory.Memory) -> Instance:
        """Amaranth asks the platform for its memories."""
        verilog = memory_verilog(memory)
        return memory_instance(self._models.setdefault(verilog, f"memory_{len(self._models)}"), memory)

    def models(self) -> str:
        return "".join(f"module {name}{verilog}" for verilog, name in self._models.items())


def to_verilog(block: wiring.Component, name: str) -> str:
    """The block as Verilog with the top module ``name``, and a module for each kind of block marked `written_once`.

    Raises AccelsimError if Yosys is missing or fails.
    """
    platform = _Verilog()
    texts = [_rtlil(block, block, name, platform)]
    while len(texts) <= len(platform.bodies):  # a body may bring further ones
        module, body, component = platform.bodies[len(texts) - 1]
        texts.append(_rtlil(body, component, module, platform))
    with TemporaryDirectory(prefix="accelsim-verilog-") as folder:
        where = Path(folder)
        (where / "in.il").write_text("".join(texts))
        run_yosys(
            name,
            [
                f"read_rtlil {where}/in.il",
                f"hierarchy -top {name}",
                # Only the processes that Verilog can say as such are left to it: case trees are not.
                "proc -nomux -norom",
                f"write_verilog -norename -noattr {where}/out.v",
            ],
            where,
        )
        verilog = (where / "out.v").read_text()
    for module, _, _ in platform.bodies:
        # Verilator would otherwise write a large module out for every instance.
        kept = re.compile(rf"^(module {re.escape(module)}\(.*?\);)", re.MULTILINE | re.DOTALL)
        verilog = kept.sub(r"\1 /* verilator no_inline_module */", verilog)
    return verilog + platform.models()


def _rtlil(design: Elaboratable, block: wiring.Component, name: str, platform: WrittenOnce) -> str:
    ports = {}
    for path, member, value in block.signature.flatten(block):
        direction = PortDirection.Input if member.flow == wiring.In else PortDirection.Output
        ports["__".join(map(str, path))] = (Value.cast(value), direction)
    text: str = rtlil.convert(design, name=name, platform=platform, ports=ports, emit_src=False)
    return _TOP.sub("", text)
