"""From the place of a patch in the input map to the SRAM addresses of its windows.

A group's map lies in the SRAM row by row, `[y][x][channel]`, word a of it in word column a mod Cw and line a div Cw.
The words under one kernel row are neighbours; the next row's lie one row pitch further. The pitch is congruent to
the words under a kernel row (mod Cw), so word i of a patch lies in column (c0 + i) mod Cw whatever row it is in,
and the Cw words of a window in as many columns: no two of them ever meet at a port.

A column is as wide as the shortest word that the core knows (`CoreShape.unit_bits`); longer words are several
neighbouring ones, and "word" below is such a unit.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.core.core_shape import COORDINATE_BITS, MAX_KERNEL_ROWS, READ_LATENCY, MapColumns
from accelsim.rtl.core.pipeline import delayed, select
from accelsim.rtl.core.registers import ConfigRegisters

UNITS_LEFT_BITS = COORDINATE_BITS
_SHARED = ("map_rows", "first_row", "first_column", "out_columns")


class _Prefixed:
    """The registers of a map: those of rows and columns are common to all maps, the others have its prefix."""

    def __init__(self, config: ConfigRegisters, prefix: str) -> None:
        self._config, self._prefix = config, prefix

    def __getitem__(self, name: str) -> Signal:
        shared = name in _SHARED or (name.endswith(("_rows", "_columns")) and "word" not in name)
        return self._config[name if shared else self._prefix + name]


class WindowFetch(wiring.Component):
    """Reads a window for every ``fetch``; its words are at ``words`` `CoreShape.window_latency` edges later and stay.

    Words in the padding or beyond the patch (``units_left`` counts from the window's first) are 0; those after the
    first ``step``, by which the next window is further, have no meaning. After the ``last_window`` of a patch comes
    its first again, or, with ``position_end`` since, another patch's. ``position_end`` moves on to the next position,
    ``jumps`` to the next block's first.
    """

    def __init__(self, geometry: MapColumns, config: ConfigRegisters) -> None:
        self._map, self._config = geometry, _Prefixed(config, geometry.prefix)
        columns = geometry.columns
        self._line = signed(len(self._config["first_line"]))
        super().__init__(
            {
                "load": In(1),
                "fetch": In(1),
                "last_window": In(1),
                "position_end": In(1),
                "jumps": In(1),
                "step": In(range(columns + 1)),
                "units_left": In(UNITS_LEFT_BITS),
                "read": Out(1),
                "addresses": Out(data.ArrayLayout(range(geometry.lines), columns)),
                "read_data": In(columns * geometry.unit_bits),
                "words": Out(columns * geometry.unit_bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        coordinate = signed(COORDINATE_BITS)
        # Where the present position's window begins.
        out_column, row, word = (Signal(coordinate, name=f"position_{n}") for n in ("column", "row", "word"))
        line, column = (
            Signal(self._line, name="position_line"),
            Signal(range(self._map.columns), name="position_word_column"),
        )
        self._next_position(m, out_column, row, word, line, column)

        offset, kernel_row = (
            Signal(coordinate),
            Signal(range(MAX_KERNEL_ROWS + self._map.columns), name="kernel_row"),
        )
        self._starts, inside = self._kernel_rows(m, offset, row + kernel_row)
        line_now, column = self._next_window(m, offset, kernel_row, line, column)
        self._read_words(m, line_now, column)
        exists = self._words_that_exist(m, word + offset, inside)
        self._receive_words(m, column, exists)
        return m

    def _kernel_rows(self, m: Module, offset: Signal, first_row: Value) -> tuple[list[Signal], list[Signal]]:
        """Compare the kernel rows from the window's first word on with the patch and the map.

        Args:
            m: Module to add to.
            offset: Words from the kernel row's first to the window's first.
            first_row: Row of the input map that the window's first word lies in.

        Returns:
            How many words after the window's first word the next kernel rows begin, and for each kernel row whether it
            lies in the map.
        """
        config = self._config
        starts = [
            Signal(signed(COORDINATE_BITS + 4), name=f"row_start_{i}") for i in range(1, MAX_KERNEL_ROWS)
        ]
        inside = [Signal(name=f"row_inside_{i}") for i in range(MAX_KERNEL_ROWS)]
        for i, start in enumerate(starts, 1):
            m.d.comb += start.eq(config["kernel_row_words"] * i - offset)
        for i, bit in enumerate(inside):
            map_row = first_row + i
            m.d.comb += bit.eq((map_row >= 0) & (map_row < config["map_rows"]))
        return starts, inside

    def _rows_further(self, m: Module, words: Value | int, name: str) -> Signal:
        """Return the number of kernel rows between the window's first word and the one `words` after it."""
        count = Signal(range(MAX_KERNEL_ROWS), name=name)
        m.d.comb += count.eq(sum((words >= start for start in self._starts), start=Value.cast(0)))
        return count

    def _next_window(
        self, m: Module, offset: Signal, kernel_row: Signal, line: Signal, column: Signal
    ) -> tuple[Signal, Signal]:
        """Move to the patch's next window, or back to its first; return the SRAM line and column of the present one.

        All whole windows of a patch begin in its first column.
        """
        config, window_line = self._config, Signal(self._line)
        moved = self._rows_further(m, self.step, "rows_moved")
        first, line_now = Signal(), Signal(self._line)
        m.d.comb += line_now.eq(Mux(first, line, window_line))
        column_now, carry = column, Value.cast(1)
        if self._map.moves:
            window_column = Signal.like(column, name="window_column")
            column_now = Signal.like(column, name="column_now")
            m.d.comb += column_now.eq(Mux(first, column, window_column))
            reached, carry = self._modulo(m, column_now + self.step, self._map.columns, "reached")
            with m.If(self.fetch):
                m.d.sync += window_column.eq(reached)
        with m.If(self.load | (self.fetch & self.last_window)):
            m.d.sync += [offset.eq(0), kernel_row.eq(0), first.eq(1)]
        with m.Elif(self.fetch):
            m.d.sync += [
                offset.eq(offset + self.step - moved * config["kernel_row_words"]),
                kernel_row.eq(kernel_row + moved),
                window_line.eq(line_now + carry + moved * config["row_jump"]),
                first.eq(0),
            ]
        return line_now, column_now

    def _read_words(self, m: Module, line_now: Signal, column: Signal) -> None:
        """Read one word of the window per word column; the window begins in `column` of line `line_now`."""
        columns = self._map.columns
        m.d.comb += self.read.eq(self.fetch)
        for c in range(columns):
            place = Signal(range(columns), name=f"place_{c}")
            m.d.comb += place.eq(Mux(column > c, columns + c - column, c - column))
            further = self._rows_further(m, place, f"rows_further_{c}")
            m.d.comb += self.addresses[c].eq(line_now + (column > c) + further * self._config["row_jump"])

    def _words_that_exist(self, m: Module, first_word: Value, inside: list[Signal]) -> Signal:
        """Return one bit per word of the window, in the patch's order: whether it lies in the map and the patch.

        `first_word` is the number of the window's first word in its map row, `inside` that of `_kernel_rows`.
        """
        columns, config = self._map.columns, self._config
        exists = Signal(columns)
        for i in range(columns):
            further = self._rows_further(m, i, f"rows_to_{i}")
            in_row = Signal(signed(COORDINATE_BITS + 3), name=f"in_row_{i}")
            m.d.comb += [
                in_row.eq(first_word + i - further * config["kernel_row_words"]),
                exists[i].eq(
                    (in_row >= 0)
                    & (in_row < config["row_words"])
                    & select(inside, further)
                    & (self.units_left > i)
                ),
            ]
        return exists

    def _receive_words(self, m: Module, column: Signal, exists: Signal) -> None:
        """Put the words, which come in column order, into the window register in the patch's order."""
        late = delayed(m, Cat(self.fetch, column, exists), READ_LATENCY, "fetch_late")
        rotation, there = late[1 : 1 + len(column)], late[1 + len(column) :]
        bits = self._map.unit_bits
        ordered = Cat(self.read_data, self.read_data).bit_select(rotation * bits, bits * self._map.columns)
        with m.If(late[0]):
            m.d.sync += self.words.eq(ordered & Cat(bit.replicate(bits) for bit in there))

    def _next_position(
        self, m: Module, out_column: Signal, row: Signal, word: Signal, line: Signal, column: Signal
    ) -> None:
        config, columns = self._config, self._map.columns

        def step(part: str) -> Value:
            return Mux(self.jumps, config[f"jump_{part}"], config[f"next_{part}"])

        reached, wraps = Signal.like(out_column), Signal()
        m.d.comb += [
            reached.eq(out_column + step("columns")),
            wraps.eq(reached >= config["out_columns"]),
        ]

        def wrapping(part: str) -> Value:
            return Mux(wraps, config[f"wrap_{part}"], 0)

        # Lines and word columns: two additions modulo Cw.
        halfway, carry = self._modulo(m, column + step("word_columns"), columns, "halfway")
        final, carry_again = self._modulo(m, halfway + wrapping("word_columns"), columns, "final")
        with m.If(self.load):
            m.d.sync += [
                out_column.eq(config["first_column"]),
                row.eq(config["first_row"]),
                word.eq(config["first_word"]),
                line.eq(config["first_line"]),
                column.eq(config["first_word_column"]),
            ]
        with m.Elif(self.position_end):
            m.d.sync += [
                out_column.eq(Mux(wraps, reached - config["out_columns"], reached)),
                row.eq(row + step("rows") + wrapping("rows")),
                word.eq(word + step("words") + wrapping("words")),
                line.eq(line + step("lines") + wrapping("lines") + carry + carry_again),
                column.eq(final),
            ]

    @staticmethod
    def _modulo(m: Module, value: Value, modulus: int, name: str) -> tuple[Signal, Signal]:
        """Return `value` (below twice the modulus) reduced, and whether it had to be reduced."""
        reduced, carry = Signal(range(modulus), name=f"{name}_column"), Signal(name=f"{name}_carry")
        m.d.comb += [carry.eq(value >= modulus), reduced.eq(Mux(carry, value - modulus, value))]
        return reduced, carry
