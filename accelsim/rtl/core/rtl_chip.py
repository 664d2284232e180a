"""The core with models of its memories: what the simulators run, and the Verilog top.

The memories are models, not hardware: synchronous, with as many ports as docs/machine.md, section 12, derives
from their banks. The host loads them through ``load_*`` before a tile, a line a cycle, and reads the output SRAM
line by line after it.
"""

from __future__ import annotations

from amaranth.hdl import Module, Value, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from accelsim.lengths import WORD_BITS
from accelsim.rtl.core.core_shape import CoreShape
from accelsim.rtl.core.counters import COUNTER_BITS
from accelsim.rtl.core.ports import memory_ports, scale_layout, score_layout
from accelsim.rtl.core.registers import ADDRESS_BITS, DATA_BITS
from accelsim.rtl.core.rtl_core import Core

LOAD_ADDRESS_BITS = 32


def load_widths(shape: CoreShape) -> dict[str, int]:
    """The memories that the host loads, and the bits of a line of each."""
    widths = {
        "weight": shape.machine.weight_sram.width_bits * shape.vpus,
        "scale": scale_layout(shape).size * shape.vpus,
        "input": shape.window_bits,
    }
    if shape.scales_scores:
        widths["score"] = score_layout().size
    if shape.has_lanes:
        widths["signs"] = memory_ports(shape)["signs_data"].shape
    return widths


class Chip(wiring.Component):
    """`Core` and its memories. ``load_address`` serves all ``load_*``; ``output_line`` follows ``output_number``."""

    def __init__(self, shape: CoreShape) -> None:
        self.shape = shape
        self._loads = load_widths(shape)
        super().__init__(
            {
                "config_write": In(1),
                "config_address": In(ADDRESS_BITS),
                "config_data": In(DATA_BITS),
                "start": In(1),
                "done": Out(1),
                "load_address": In(LOAD_ADDRESS_BITS),
                **{f"load_{name}": In(1) for name in self._loads},
                **{f"load_{name}_data": In(width) for name, width in self._loads.items()},
                "output_number": In(LOAD_ADDRESS_BITS),
                "output_line": Out(shape.machine.output_sram.width_bits),
                **{f"count_{name}": Out(COUNTER_BITS) for name in shape.counters},
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = self._m = Module()
        shape = self.shape
        m.submodules.core = core = Core(shape)
        for name in ("config_write", "config_address", "config_data", "start"):
            m.d.comb += getattr(core, name).eq(getattr(self, name))
        m.d.comb += self.done.eq(core.done)
        m.d.comb += [
            getattr(self, f"count_{name}").eq(getattr(core, f"count_{name}")) for name in shape.counters
        ]

        vpus, columns = shape.vpus, shape.window_units
        self._loaded(
            "weight", vpus, shape.weight_lines, core.weight_read, core.weight_address, core.weight_data
        )
        scale_data = Value.cast(core.scale_data)
        self._loaded("scale", vpus, 2 * shape.rows, core.scale_read, core.scale_address, scale_data)
        input_read = core.input_read.replicate(columns)
        self._loaded("input", columns, shape.input_lines, input_read, core.input_address, core.input_data)
        if shape.passes_codes:
            self._code_sram(core)
        if shape.has_lanes:
            rows = shape.limits.sign_rows
            self._loaded("signs", 1, rows, core.signs_read, [core.signs_address], core.signs_data)

        for c in range(shape.patch_columns):
            m.submodules[f"patch_{c}"] = column = memory.Memory(
                shape=unsigned(WORD_BITS), depth=shape.patch_lines, init=[]
            )
            write, read = column.write_port(), column.read_port()
            part = slice(WORD_BITS * c, WORD_BITS * (c + 1))
            m.d.comb += [
                write.en.eq(core.patch_write),
                write.addr.eq(core.patch_write_address),
                write.data.eq(core.patch_write_data[part]),
                read.en.eq(core.patch_read),
                read.addr.eq(core.patch_address[c]),
                core.patch_data[part].eq(read.data),
            ]
        self._result_buffer(core)
        if shape.scales_scores:
            self._score_memory(core)
        self._output_sram(core)
        return m

    def _loaded(self, name: str, banks: int, depth: int, reads: Value, addresses: object, out: Value) -> None:
        """A memory of `banks` equal banks that the host writes a line of all banks at a time."""
        m = self._m
        width = self._loads[name] // banks
        data = getattr(self, f"load_{name}_data")
        for i in range(banks):
            m.submodules[f"{name}_{i}"] = bank = memory.Memory(shape=unsigned(width), depth=depth, init=[])
            write, read = bank.write_port(), bank.read_port()
            m.d.comb += [
                write.en.eq(getattr(self, f"load_{name}")),
                write.addr.eq(self.load_address),
                write.data.eq(data[width * i : width * (i + 1)]),
                read.en.eq(reads[i]),
                read.addr.eq(addresses[i]),  # type: ignore[index]
                out[width * i : width * (i + 1)].eq(read.data),
            ]

    def _result_buffer(self, core: Core) -> None:
        m, shape = self._m, self.shape
        m.submodules.results = results = memory.Memory(
            shape=unsigned(WORD_BITS), depth=shape.result_words, init=[]
        )
        for v in range(shape.vpus):
            write = results.write_port()
            m.d.comb += [
                write.en.eq(core.result_write[v]),
                write.addr.eq(core.result_write_address[v]),
                write.data.eq(core.result_write_data[v]),
            ]
        readers = [(core.result_read, core.result_address, core.result_data)]
        if shape.selects:
            readers.append((core.select_read, core.select_address, core.select_data))
        for enables, addresses, out in readers:
            for i, enable in enumerate(enables):
                read = results.read_port()
                m.d.comb += [
                    read.en.eq(enable),
                    read.addr.eq(addresses[i]),
                    out[WORD_BITS * i : WORD_BITS * (i + 1)].eq(read.data),
                ]

    def _code_sram(self, core: Core) -> None:
        m, codes = self._m, self.shape.code_map
        for c in range(codes.columns):
            m.submodules[f"codes_{c}"] = column = memory.Memory(
                shape=unsigned(codes.unit_bits), depth=codes.lines, init=[]
            )
            write, read = column.write_port(), column.read_port()
            part = slice(codes.unit_bits * c, codes.unit_bits * (c + 1))
            m.d.comb += [
                write.en.eq(core.code_write[c]),
                write.addr.eq(core.code_write_address[c]),
                write.data.eq(core.code_write_data[part]),
                read.en.eq(core.code_read),
                read.addr.eq(core.code_address[c]),
                core.code_data[part].eq(read.data),
            ]

    def _score_memory(self, core: Core) -> None:
        """One memory with a read port for every input of the selector; the host writes a neuron at a time."""
        m, layout = self._m, score_layout()
        m.submodules.scores = scores = memory.Memory(
            shape=unsigned(layout.size), depth=self.shape.neurons + 1, init=[]
        )
        write = scores.write_port()
        m.d.comb += [
            write.en.eq(self.load_score),
            write.addr.eq(self.load_address),
            write.data.eq(self.load_score_data),
        ]
        for i, enable in enumerate(core.select_read):
            read = scores.read_port()
            m.d.comb += [
                read.en.eq(enable),
                read.addr.eq(core.score_address[i]),
                Value.cast(core.score_data[i]).eq(read.data),
            ]

    def _output_sram(self, core: Core) -> None:
        m, shape = self._m, self.shape
        words, width = shape.output_line_words, shape.machine.output_sram.width_bits
        m.submodules.output = output = memory.Memory(shape=unsigned(width), depth=shape.output_lines, init=[])
        for bank in range(shape.output_banks):
            write = output.write_port(granularity=WORD_BITS)
            enables = core.output_words[bank * words : (bank + 1) * words]
            m.d.comb += [
                write.en.eq(enables & core.output_write[bank].replicate(words)),
                write.addr.eq(core.output_address[bank]),
                write.data.eq(core.output_data[bank * width : (bank + 1) * width]),
            ]
        read = output.read_port()
        m.d.comb += [read.en.eq(1), read.addr.eq(self.output_number), self.output_line.eq(read.data)]
