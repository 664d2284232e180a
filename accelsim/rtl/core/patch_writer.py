"""Collects windows and codes to lines of the patch buffer and writes them, a line a cycle at most.

Word i of position p of its block lies in column (i + p * chunk words) mod C, so that the reader's accesses,
which go through the same chunk of all positions one after the other, never find two words in a column.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, ValueLike
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.lengths import CODE_BITS, WORD_BITS
from accelsim.rtl.core.core_shape import COORDINATE_BITS, CoreShape
from accelsim.rtl.core.pipeline import delayed, select


class _Collector:
    """Parts of a line, the first in the low bits, until ``last`` or the line is full.

    With ``half`` only the low half of a part is there. All parts of a line are halves, or none is.
    """

    def __init__(
        self,
        m: Module,
        name: str,
        part: Value,
        valid: Value,
        last: Value,
        line_bits: int,
        half: Value | None = None,
    ) -> None:
        step: ValueLike = 1
        grain = len(part)
        if half is not None:
            grain //= 2
            step = Mux(half, 1, 2)
            part = part & Cat(Const(-1, grain), (~half).replicate(grain))
        parts = line_bits // grain
        held, number = Signal(line_bits, name=f"{name}_held"), Signal(range(parts), name=f"{name}_part")
        self.line = Signal(line_bits, name=f"{name}_line")
        self.complete = Signal(name=f"{name}_complete")
        self.line_number = Signal(COORDINATE_BITS, name=f"{name}_line_number")
        m.d.comb += [
            self.line.eq(Mux(number == 0, 0, held) | (part << (number * grain))),
            self.complete.eq(valid & (last | (number + step == parts))),
        ]
        with m.If(valid):
            m.d.sync += [held.eq(self.line), number.eq(Mux(self.complete, 0, number + step))]
        with m.If(self.complete):
            m.d.sync += self.line_number.eq(Mux(last, 0, self.line_number + 1))


class PatchWriter(wiring.Component):
    """``window_*`` are as issued, ``words`` `CoreShape.window_latency` later; ``codes`` come at the write itself.
    ``half``: only the first half of the window is the patch's; ``mode`` is that of x (`CoreShape.precisions`).

    ``place`` (slot * T + position) and ``position`` belong to the issue; ``kept_base`` is the kept line of the
    position's y.
    """

    def __init__(self, shape: CoreShape) -> None:
        self._shape = shape
        lines = range(shape.patch_lines)
        members = {
            "fetch": In(1),
            "last_window": In(1),
            "quantize": In(1),
            "last_code": In(1),
            "place": In(range(shape.places)),
            "position": In(range(shape.positions)),
            "words": In(shape.window_bits),
            "half": In(1),
            "mode": In(range(len(shape.precisions))),
            "x_lines": In(lines),
            "keeps": In(1),
            "kept_base": In(lines),
            "write": Out(1),
            "address": Out(lines),
            "data": Out(WORD_BITS * shape.patch_columns),
        }
        if shape.approximates:
            members["codes"] = In(CODE_BITS * shape.codes_in_part)
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self._shape
        columns, skew = shape.patch_columns, shape.patch_write_skew
        line_bits = WORD_BITS * columns

        where = delayed(m, Cat(self.place, self.position), skew, "place_late")
        place, position = where[: len(self.place)], where[len(self.place) :]
        words = delayed(m, self.words, skew - shape.window_latency, "words_late")
        late = delayed(m, Cat(self.fetch, self.last_window), skew, "fetch_late")
        half = (
            delayed(m, self.half, skew, "half_late")
            if shape.halves_windows and shape.projects_patches
            else None
        )
        x = _Collector(m, "x", words, late[0], late[1], line_bits, half)

        def rotation(chunk_words: int) -> Value:
            turns = [Const(p * chunk_words % columns, range(columns)) for p in range(shape.positions)]
            return select(turns, position)

        write, line, turn, address = (
            x.complete,
            x.line,
            select([rotation(words) for words in shape.chunk_words], self.mode),
            x.line_number * shape.places + place,
        )
        if shape.approximates:
            late = delayed(m, Cat(self.quantize, self.last_code, self.kept_base), skew, "codes_late")
            y = _Collector(m, "y", self.codes, late[0], late[1], line_bits)
            kept = late[2:] + y.line_number
            own = (self.x_lines + y.line_number) * shape.places + place
            write = x.complete | y.complete
            line = Mux(y.complete, y.line, x.line)
            turn = Mux(y.complete, rotation(shape.chunk_words[0]), turn)
            address = Mux(y.complete, Mux(self.keeps, kept, own), address)
        # Column c gets word (c - turn) mod C.
        back = Signal(range(columns))
        m.d.comb += [
            back.eq(Mux(turn == 0, 0, columns - turn)),
            self.write.eq(write),
            self.address.eq(address),
            self.data.eq(Cat(line, line).bit_select(back * WORD_BITS, line_bits)),
        ]
        return m
