"""Verilog of a memory, as Amaranth defines it: written here, because Amaranth lists every word's initial zero."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from amaranth.hdl import ClockSignal, Instance, Shape, Value
from amaranth.lib import memory


def memory_instance(name: str, memory: memory.Memory) -> Instance:
    """An instance of the module of that name, which `memory_verilog` writes, at the memory's ports."""
    ports: dict[str, Any] = {"i_clk": ClockSignal()}
    for i, port in enumerate(memory.read_ports):
        ports |= {f"i_r{i}_en": port.en, f"o_r{i}_data": Value.cast(port.data)}
        ports |= {f"i_r{i}_addr": port.addr} if len(port.addr) else {}
    for i, port in enumerate(memory.write_ports):
        ports |= {f"i_w{i}_en": port.en, f"i_w{i}_data": Value.cast(port.data)}
        ports |= {f"i_w{i}_addr": port.addr} if len(port.addr) else {}
    return Instance(name, **ports)


def memory_verilog(memory: memory.Memory) -> str:
    """The module after ``module name``: reads, clocked or not, see what was written before the edge; writes by parts.

    It starts with whatever the simulator starts registers with. Raises ValueError for contents that are not zero
    and for a read that is transparent.
    """
    if any(memory.init) or any(port.transparent_for for port in memory.read_ports):
        raise ValueError(
            "only memories that start at zero, without transparent reads, can be written as Verilog"
        )
    return "\n".join(["(", *_body(memory), "endmodule", ""])


def _body(memory: memory.Memory) -> Iterator[str]:
    width, depth = Shape.cast(memory.shape).width, memory.depth
    for i, port in enumerate(memory.read_ports):
        data = "output" if port.domain == "comb" else "output reg"
        yield f"  input r{i}_en, {_address(f'r{i}', port)}{data} [{width - 1}:0] r{i}_data,"
    for i, port in enumerate(memory.write_ports):
        yield f"  input [{len(port.en) - 1}:0] w{i}_en, {_address(f'w{i}', port)}input [{width - 1}:0] w{i}_data,"
    yield "  input clk);"
    yield f"  reg [{width - 1}:0] words [0:{depth - 1}];"
    for i, port in enumerate(memory.read_ports):
        word = f"words[{_place(f'r{i}', port)}]"
        if port.domain == "comb":
            yield f"  assign r{i}_data = {word};"
        else:
            yield f"  always @(posedge clk) if (r{i}_en) r{i}_data <= {word};"
    for i, port in enumerate(memory.write_ports):
        part = width // max(1, len(port.en))
        for bit in range(len(port.en)):
            bits = f"[{part * (bit + 1) - 1}:{part * bit}]"
            word = f"words[{_place(f'w{i}', port)}]{bits}"
            yield f"  always @(posedge clk) if (w{i}_en[{bit}]) {word} <= w{i}_data{bits};"


def _address(name: str, port: Any) -> str:
    return f"input [{len(port.addr) - 1}:0] {name}_addr, " if len(port.addr) else ""


def _place(name: str, port: Any) -> str:
    return f"{name}_addr" if len(port.addr) else "0"
