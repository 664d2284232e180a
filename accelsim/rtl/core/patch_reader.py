"""Reads the chunks of a window out of the patch buffer: C words an access, from as many columns."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accelsim.lengths import WORD_BITS
from accelsim.rtl.core.core_shape import READ_LATENCY, CoreShape
from accelsim.rtl.core.pipeline import delayed, select


class PatchReader(wiring.Component):
    """An access for every ``read``: words ``offset`` and following of the window's chunks, position by position.

    The chunk begins at line ``line``, column ``column`` of an unrotated patch. ``kept_base`` is the kept line of
    the slot's first position, used with ``kept``. The words come out in order at ``words`` with ``valid`` in the
    next cycle.
    """

    def __init__(self, shape: CoreShape) -> None:
        self._shape = shape
        columns, lines = shape.patch_columns, range(shape.patch_lines)
        self._most_offset = shape.positions * max(shape.chunk_words) + columns
        super().__init__(
            {
                "read": In(1),
                "wide": In(1),
                "mode": In(range(len(shape.precisions))),
                "slot": In(range(shape.slots)),
                "offset": In(range(self._most_offset)),
                "line": In(range(shape.patch_lines + 1)),
                "column": In(range(columns)),
                "x_lines": In(lines),
                "y_lines": In(lines),
                "kept": In(1),
                "kept_base": In(lines),
                "enable": Out(1),
                "addresses": Out(data.ArrayLayout(lines, columns)),
                "read_data": In(WORD_BITS * columns),
                "valid": Out(1),
                "words": Out(WORD_BITS * columns),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self._shape
        columns = shape.patch_columns
        m.d.comb += self.enable.eq(self.read)
        first_line = Signal(range(2 * shape.patch_lines + 2))
        m.d.comb += first_line.eq(self.line + Mux(self.wide, 0, self.x_lines))
        for c in range(columns):
            # Column c serves the access's word (c - column) mod C; which position's it is, and where in its chunk.
            word = Signal(range(self._most_offset + columns), name=f"word_{c}")
            m.d.comb += word.eq(
                self.offset + Mux(self.column > c, columns + c - self.column, c - self.column)
            )
            position = Signal(range(shape.positions), name=f"position_{c}")
            in_chunk = Signal(range(self._most_offset + columns), name=f"in_chunk_{c}")
            starts = [
                select([p * words for words in shape.chunk_words], self.mode) for p in range(shape.positions)
            ]
            passed = [word >= start for start in starts[1:]]
            m.d.comb += [
                position.eq(sum(passed, start=Value.cast(0))),
                in_chunk.eq(word - select(starts, position) + self.column),
            ]
            beyond = range(columns, columns + max(shape.chunk_words), columns)
            further = sum((in_chunk >= limit for limit in beyond), start=Value.cast(0))
            own = (first_line + further) * shape.places + self.slot * shape.positions + position
            kept = self.kept_base + select([p * self.y_lines for p in range(shape.positions)], position)
            m.d.comb += self.addresses[c].eq(Mux(self.kept & ~self.wide, kept + self.line + further, own))

        late = delayed(m, Cat(self.read, self.column), READ_LATENCY, "read_late")
        m.d.comb += [
            self.valid.eq(late[0]),
            self.words.eq(
                Cat(self.read_data, self.read_data).bit_select(late[1:] * WORD_BITS, WORD_BITS * columns)
            ),
        ]
        return m
