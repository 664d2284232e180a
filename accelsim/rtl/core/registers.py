"""The configuration registers of a core: the geometry of a tile, written by the host before `start`.

Nothing that depends on a mask is among them: passes, steps, reads and lines follow from what the selector finds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from amaranth.hdl import Module, Shape, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.blocks.rounding import SHIFT_BITS
from accelsim.rtl.core.core_shape import COORDINATE_BITS, MAX_D, CoreShape

DATA_BITS = 32
ADDRESS_BITS = 16


@dataclass(frozen=True)
class Register:
    """One register: `meaning` says what the host puts there."""

    name: str
    shape: Shape
    meaning: str


def registers(shape: CoreShape) -> list[Register]:
    """All registers of a core in the order of their addresses."""
    coordinate, count = signed(COORDINATE_BITS), unsigned(COORDINATE_BITS)
    line = signed(max(COORDINATE_BITS, shape.input_lines.bit_length() + 2))
    column = unsigned(max(1, (shape.window_words - 1).bit_length()))
    words = unsigned(MAX_D.bit_length())
    output = unsigned(max(COORDINATE_BITS, shape.output_lines.bit_length()))
    patch = unsigned(max(1, shape.patch_lines.bit_length()))
    neurons = unsigned(shape.neurons.bit_length())
    weight = unsigned(shape.weight_lines.bit_length())
    found = [
        Register("dense", unsigned(1), "the layer is dense"),
        Register(
            "projects", unsigned(1), "the tile projects: the layer is approximated, and y is not kept yet"
        ),
        Register("keeps", unsigned(1), "y is written to, or read from, the kept region"),
        Register("counts_positions", unsigned(1), "first tile of the first sub-layer: count `positions`"),
        Register("d", words, "words of a patch"),
        Register("k", words, "codes of a projection, 0 if dense"),
        Register("x_lines", patch, "patch buffer lines of a patch's words"),
        Register("y_lines", patch, "patch buffer lines of a projection"),
        Register("kept_start", patch, "line of the first position's y in the kept region"),
        Register("kept_step", count, "lines from a block's y to the next block's in the kept region"),
        # Positions
        Register("blocks", count, "blocks of this core"),
        Register(
            "positions_left",
            signed(COORDINATE_BITS + 1),
            "positions from the first block's first to the last",
        ),
        Register(
            "block_step",
            signed(COORDINATE_BITS + 1),
            "positions from a block's first to the next block's first",
        ),
        # The input map
        Register("map_rows", coordinate, "rows of the input map"),
        Register("row_words", coordinate, "words of a row of the input map"),
        Register("kernel_row_words", coordinate, "words under a kernel row"),
        Register(
            "row_jump",
            line,
            "SRAM lines skipped from the last word under a kernel row to the next row's first",
        ),
        Register("out_columns", coordinate, "columns of the output map"),
        Register("first_column", coordinate, "output column of the first position"),
        Register("first_row", coordinate, "input row of the first position's window"),
        Register("first_word", coordinate, "words from the row's first to the first position's window"),
        Register("first_line", line, "SRAM line of the window's first word"),
        Register("first_word_column", column, "SRAM word column of the window's first word"),
    ]
    for name, meaning in (
        ("next", "to the next position"),
        ("jump", "from a block's last position to the next block's first"),
        ("wrap", "added when the output column passes the last"),
    ):
        if name != "wrap":
            found.append(Register(f"{name}_columns", coordinate, f"output columns {meaning}"))
        found += [
            Register(f"{name}_rows", coordinate, f"input rows {meaning}"),
            Register(f"{name}_words", coordinate, f"words {meaning}"),
            Register(f"{name}_lines", line, f"SRAM lines {meaning}"),
            Register(f"{name}_word_columns", column, f"SRAM word columns {meaning}"),
        ]
    found += [
        # MVU
        Register("rows_stride", unsigned(shape.rows.bit_length()), "rows of the VPU that owns most"),
        Register("precise_base", weight, "weight SRAM line of the first 16-bit chunk"),
        Register("y_multiplier", unsigned(16), "of the quantizers"),
        Register("y_shift", unsigned(SHIFT_BITS), "of the quantizers"),
        Register("noise_shift", unsigned(SHIFT_BITS), "of z~"),
        Register("precise_shift", unsigned(SHIFT_BITS), "of z"),
        # Selection
        Register("units", neurons, "units of the tile"),
        Register("unit_rows", unsigned(shape.most_of.bit_length()), "rows of a full unit"),
        Register(
            "unit_lanes", unsigned(shape.positions.bit_length()), "f: VPUs that hold a copy of each unit"
        ),
        Register("neurons", neurons, "neurons of the tile"),
        Register("threshold", unsigned(16), "of the threshold selector"),
        Register("keep", unsigned(shape.most_of.bit_length()), "of the N:M selector"),
        # Output
        Register("output_start", output, "output SRAM line of the first position"),
        Register("output_step", output, "output SRAM lines from a block to the next"),
        Register("output_lines", neurons, "output lines of a position"),
    ]
    for vpu in range(shape.vpus):
        found += [
            Register(f"rows_{vpu}", unsigned(shape.rows.bit_length()), "rows that the VPU owns"),
            Register(
                f"serves_{vpu}", unsigned(shape.positions), "positions of a block that it serves, a bit each"
            ),
        ]
    return found


class ConfigRegisters(wiring.Component):
    """The registers: ``write`` puts ``data`` into number ``address``; each is an output under its name."""

    def __init__(self, shape: CoreShape) -> None:
        self._registers = registers(shape)
        super().__init__(
            {
                "write": In(1),
                "address": In(ADDRESS_BITS),
                "data": In(DATA_BITS),
                **{f"value_{register.name}": Out(register.shape) for register in self._registers},
            }
        )

    def __getitem__(self, name: str) -> Signal:
        value: Signal = getattr(self, f"value_{name}")
        return value

    def __iter__(self) -> Iterator[Register]:
        return iter(self._registers)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        with m.If(self.write), m.Switch(self.address):
            for address, register in enumerate(self._registers):
                with m.Case(address):
                    m.d.sync += self[register.name].eq(self.data)
        return m
