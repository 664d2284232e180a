"""Small pieces that energy and area are charged by, taken out of larger blocks to be measured alone."""

from __future__ import annotations

from amaranth.hdl import Module, Mux
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from rtl.blocks.threshold import MAGNITUDE_BITS, magnitude

WORD_BITS = 16


class WordRegister(wiring.Component):
    """A word of the operand and weight rings: 16 bits, written with ``write``."""

    def __init__(self) -> None:
        super().__init__({"write": In(1), "word": In(WORD_BITS), "held": Out(WORD_BITS)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        with m.If(self.write):
            m.d.sync += self.held.eq(self.word)
        return m


class WordMux(wiring.Component):
    """One level of a wider multiplexer: one of two words."""

    def __init__(self) -> None:
        super().__init__({"a": In(WORD_BITS), "b": In(WORD_BITS), "choose": In(1), "word": Out(WORD_BITS)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += self.word.eq(Mux(self.choose, self.b, self.a))
        return m


class WordMagnitude(wiring.Component):
    """|word|, as the selectors take it."""

    def __init__(self) -> None:
        super().__init__({"word": In(WORD_BITS), "size": Out(MAGNITUDE_BITS)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += self.size.eq(magnitude(self.word.as_signed()))
        return m


class RegisterFile(wiring.Component):
    """``entries`` words, one written and one read (at once) in a cycle."""

    def __init__(self, entries: int) -> None:
        self._entries = entries
        super().__init__(
            {
                "write": In(1),
                "write_index": In(range(entries)),
                "word": In(WORD_BITS),
                "read_index": In(range(entries)),
                "read_word": Out(WORD_BITS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.file = file = memory.Memory(shape=WORD_BITS, depth=self._entries, init=[])
        write, read = file.write_port(), file.read_port(domain="comb")
        m.d.comb += [
            write.en.eq(self.write),
            write.addr.eq(self.write_index),
            write.data.eq(self.word),
            read.addr.eq(self.read_index),
            self.read_word.eq(read.data),
        ]
        return m
