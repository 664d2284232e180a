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
from accelsim.rtl.blocks.score import SCORE_BITS
from accelsim.rtl.core.core_shape import COORDINATE_BITS, MAX_D, CoreShape, MapColumns

DATA_BITS = 32
ADDRESS_BITS = 16


@dataclass(frozen=True)
class Register:
    """One register: `meaning` says what the host puts there."""

    name: str
    shape: Shape
    meaning: str


def registers(shape: CoreShape) -> list[Register]:
    """Return all registers of a core in the order of their addresses."""
    return [
        *_tile_registers(shape),
        *_input_map_registers(shape),
        *_step_registers(shape.input_map),
        *(_code_registers(shape) if shape.passes_codes else []),
        *_mvu_registers(shape),
        *_selection_registers(shape),
        *_output_registers(shape),
        *_vpu_registers(shape),
    ]


_COORDINATE, _COUNT = signed(COORDINATE_BITS), unsigned(COORDINATE_BITS)


def _line(geometry: MapColumns) -> Shape:
    """Return the shape of a line of a map's SRAM, or of a difference between two."""
    return signed(max(COORDINATE_BITS, geometry.lines.bit_length() + 2))


def _word_column(geometry: MapColumns) -> Shape:
    """Return the shape of a column of a map's SRAM."""
    return unsigned(max(1, (geometry.columns - 1).bit_length()))


def _code_registers(shape: CoreShape) -> list[Register]:
    """Return the registers of the code map, and of the pass that makes it."""
    geometry = shape.code_map
    shared = {"map_rows", "out_columns", "first_column", "first_row"}
    return [
        Register("passes", unsigned(1), "the program is a code pass, and no tile"),
        Register("row_positions", _COUNT, "positions of the pass in a row of the map"),
        Register(
            "pitch_lines", unsigned(geometry.lines.bit_length()), "code SRAM lines from a map row to the next"
        ),
        Register("pitch_columns", _word_column(geometry), "code SRAM columns from a map row to the next"),
        *(
            Register(f"code_{each.name}", each.shape, f"of the code map: {each.meaning}")
            for each in _map_registers(geometry)
            if each.name not in shared
        ),
        *(each for each in _step_registers(geometry) if each.name.startswith("code_")),
    ]


def _mode(shape: CoreShape) -> Shape:
    """Return the shape of a mode, the place of some bits in `CoreShape.precisions`."""
    return unsigned((len(shape.precisions) - 1).bit_length())


def _tile_registers(shape: CoreShape) -> list[Register]:
    """Return the registers of the tile as a whole, its patches and its positions."""
    words = unsigned(MAX_D.bit_length())
    patch = unsigned(max(1, shape.patch_lines.bit_length()))
    position = signed(COORDINATE_BITS + 1)
    return [
        Register("dense", unsigned(1), "the layer is dense"),
        Register(
            "all_noise", unsigned(1), "z~ of all neurons is kept: x is not stored, and nothing selected"
        ),
        Register(
            "projects", unsigned(1), "the tile projects: the layer is approximated, and y is not kept yet"
        ),
        Register("keeps", unsigned(1), "y is written to, or read from, the kept region"),
        Register("counts_positions", unsigned(1), "first tile of the first sub-layer: count `positions`"),
        Register("d", words, "words of a patch"),
        Register("patch_units", unsigned(shape.most_units.bit_length()), "units of the input map in a patch"),
        Register(
            "mode",
            _mode(shape),
            "of the words of x, and of precise jobs: the place of their bits in `precisions`",
        ),
        Register("k", words, "codes of a projection, 0 if dense"),
        Register("x_lines", patch, "patch buffer lines of a patch's words"),
        Register("y_lines", patch, "patch buffer lines of a projection"),
        Register("kept_start", patch, "line of the first position's y in the kept region"),
        Register("kept_step", _COUNT, "lines from a block's y to the next block's in the kept region"),
        Register("blocks", _COUNT, "blocks of this core"),
        Register("positions_left", position, "positions from the first block's first to the last"),
        Register("block_step", position, "positions from a block's first to the next block's first"),
    ]


def _input_map_registers(shape: CoreShape) -> list[Register]:
    """Return the registers of the input map."""
    return _map_registers(shape.input_map)


def _map_registers(geometry: MapColumns) -> list[Register]:
    """Return the registers of a map, and of the first position's window in it."""
    line, column = _line(geometry), _word_column(geometry)
    return [
        Register("map_rows", _COORDINATE, "rows of the input map"),
        Register("row_words", _COORDINATE, "units of a row of the input map"),
        Register("kernel_row_words", _COORDINATE, "units under a kernel row"),
        Register(
            "row_jump",
            line,
            "SRAM lines skipped from the last word under a kernel row to the next row's first",
        ),
        Register("out_columns", _COORDINATE, "columns of the output map"),
        Register("first_column", _COORDINATE, "output column of the first position"),
        Register("first_row", _COORDINATE, "input row of the first position's window"),
        Register("first_word", _COORDINATE, "units from the row's first to the first position's window"),
        Register("first_line", line, "SRAM line of the window's first word"),
        Register("first_word_column", column, "SRAM column of the window's first unit"),
    ]


def _step_registers(geometry: MapColumns) -> list[Register]:
    """Return the registers of the steps from one position to another."""
    found, prefix = [], geometry.prefix
    for name, meaning in (
        ("next", "to the next position"),
        ("jump", "from a block's last position to the next block's first"),
        ("wrap", "added when the output column passes the last"),
    ):
        if name != "wrap":
            found.append(Register(f"{name}_columns", _COORDINATE, f"output columns {meaning}"))
        found += [
            Register(f"{name}_rows", _COORDINATE, f"input rows {meaning}"),
            Register(f"{prefix}{name}_words", _COORDINATE, f"units {meaning}"),
            Register(f"{prefix}{name}_lines", _line(geometry), f"SRAM lines {meaning}"),
            Register(f"{prefix}{name}_word_columns", _word_column(geometry), f"SRAM columns {meaning}"),
        ]
    return found


def _mvu_registers(shape: CoreShape) -> list[Register]:
    """Return the registers of weight addresses and of scaling."""
    weight = unsigned(shape.weight_lines.bit_length())
    return [
        Register("rows_stride", unsigned(shape.rows.bit_length()), "rows of the VPU that owns most"),
        Register("precise_base", weight, "weight SRAM line of the first precise chunk"),
        Register("y_multiplier", unsigned(16), "of the quantizers"),
        Register("y_shift", unsigned(SHIFT_BITS), "of the quantizers"),
        Register("noise_shift", unsigned(SHIFT_BITS), "of z~"),
        Register("precise_shift", unsigned(SHIFT_BITS), "of z"),
    ]


def _selection_registers(shape: CoreShape) -> list[Register]:
    """Return the registers of the tile's units and of the selector."""
    neurons, unit_rows = unsigned(shape.neurons.bit_length()), unsigned(shape.most_of.bit_length())
    lanes = unsigned(shape.positions.bit_length())
    return [
        Register("units", neurons, "units of the tile"),
        Register("unit_rows", unit_rows, "rows of a full unit"),
        Register("unit_lanes", lanes, "f: VPUs that hold a copy of each unit"),
        Register("neurons", neurons, "neurons of the tile"),
        Register("threshold", signed(SCORE_BITS), "of the threshold selector"),
        Register("keeps_sign", unsigned(1), "scores are values and not their magnitudes"),
        Register("scales", unsigned(1), "scores are scaled: count `scaled_scores`"),
        Register("score_shift", unsigned(SHIFT_BITS), "of the score scalers"),
        Register("keep", unit_rows, "of the N:M selector"),
    ]


def _output_registers(shape: CoreShape) -> list[Register]:
    """Return the registers of the output SRAM's addresses."""
    line = unsigned(max(COORDINATE_BITS, shape.output_lines.bit_length()))
    return [
        Register("output_start", line, "output SRAM line of the first position"),
        Register("output_step", line, "output SRAM lines from a block to the next"),
        Register("output_lines", unsigned(shape.neurons.bit_length()), "output lines of a position"),
    ]


def _vpu_registers(shape: CoreShape) -> list[Register]:
    """Return the registers of each VPU: its rows and the positions that it serves."""
    found = []
    for vpu in range(shape.vpus):
        found += [
            Register(f"rows_{vpu}", unsigned(shape.rows.bit_length()), "rows that the VPU owns"),
            Register(
                f"serves_{vpu}", unsigned(shape.positions), "positions of a block that it serves, a bit each"
            ),
        ]
    return found


class ConfigRegisters(wiring.Component):
    """The registers of a core: ``write`` puts ``data`` into number ``address``; each is an output under its name."""

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
