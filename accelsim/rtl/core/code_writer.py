"""The code pass's last unit: puts codes side by side into the code SRAM, a row of the map after the other."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accelsim.lengths import CODE_BITS
from accelsim.rtl.core.core_shape import CoreShape
from accelsim.rtl.core.pipeline import population


class CodeWriter(wiring.Component):
    """Writes ``count`` ``codes`` in a cycle with ``valid``; ``last`` are the last of a position (a pixel, or a row).

    After ``row_positions`` positions the next row of the map begins, ``pitch_lines`` lines and ``pitch_columns`` columns
    after the row before. ``touched``: lines of a port that hold codes of this cycle and of none before it in the
    position.
    """

    def __init__(self, shape: CoreShape) -> None:
        self._shape = shape
        columns = shape.code_map.columns
        line = range(shape.code_map.lines + 1)
        super().__init__(
            {
                "load": In(1),
                "valid": In(1),
                "last": In(1),
                "count": In(range(shape.quantizers + 1)),
                "codes": In(CODE_BITS * shape.quantizers),
                "row_positions": In(20),
                "pitch_lines": In(line),
                "pitch_columns": In(range(columns)),
                "write": Out(columns),
                "addresses": Out(data.ArrayLayout(line, columns)),
                "data": Out(CODE_BITS * columns),
                "touched": Out(range(shape.code_banks + 1)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        columns, per_access = self._shape.code_map.columns, self._shape.code_access
        column, row_column = Signal(range(columns)), Signal(range(columns))
        line, row_line = Signal.like(self.pitch_lines), Signal.like(self.pitch_lines)
        positions, held = Signal(20), Signal(range(2 * columns + 1))
        for c in range(columns):
            place = Signal(range(columns), name=f"place_{c}")
            m.d.comb += [
                place.eq(Mux(column > c, columns + c - column, c - column)),
                self.write[c].eq(self.valid & (place < self.count)),
                self.addresses[c].eq(line + (column > c)),
                self.data.word_select(c, CODE_BITS).eq(self.codes.word_select(place, CODE_BITS)),
            ]
        wanted = [self.count > held + i * per_access for i in range(self._shape.code_banks)]
        m.d.comb += self.touched.eq(Mux(self.valid, population(wanted), 0))
        reached, next_row = Signal(range(2 * columns)), Signal(range(2 * columns))
        m.d.comb += [reached.eq(column + self.count), next_row.eq(row_column + self.pitch_columns)]
        with m.If(self.load):
            m.d.sync += Cat(column, row_column, line, row_line, positions, held).eq(0)
        with m.Elif(self.valid):
            m.d.sync += [
                column.eq(Mux(reached >= columns, reached - columns, reached)),
                line.eq(line + (reached >= columns)),
                held.eq(Mux(self.last, 0, held + self.touched * per_access - self.count)),
                positions.eq(positions + self.last),
            ]
            with m.If(self.last & (positions + 1 == self.row_positions)):
                wraps = next_row >= columns
                new_column, new_line = (
                    Mux(wraps, next_row - columns, next_row),
                    row_line + self.pitch_lines + wraps,
                )
                m.d.sync += [
                    positions.eq(0),
                    column.eq(new_column),
                    row_column.eq(new_column),
                    line.eq(new_line),
                    row_line.eq(new_line),
                ]
        return m
