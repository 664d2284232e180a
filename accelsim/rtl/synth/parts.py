"""Small pieces that energy and area are charged by, taken out of larger blocks to be measured alone."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.blocks.score import MAGNITUDE_BITS, magnitude

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


class WordRotator(wiring.Component):
    """How a threshold selector gets its words: ``count`` neighbours out of one bank a VPU, from ``start`` on.

    Consecutive neurons lie in consecutive VPUs, so a rotation brings them into order.
    """

    def __init__(self, banks: int, count: int) -> None:
        self._banks, self._count = banks, count
        super().__init__(
            {
                "banks": In(WORD_BITS * banks),
                "start": In(range(banks)),
                "words": Out(WORD_BITS * count),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shifted = self.banks
        for level in range((self._banks - 1).bit_length()):
            turned = Signal(WORD_BITS * self._banks, name=f"level_{level}")
            m.d.comb += turned.eq(Mux(self.start[level], shifted.rotate_right(WORD_BITS << level), shifted))
            shifted = turned
        m.d.comb += self.words.eq(Cat(shifted, shifted)[: WORD_BITS * self._count])
        return m


class GroupSelect(wiring.Component):
    """How an N:M selector gets a group: all its rows are one VPU's, each in a bank of its own; one VPU's are chosen."""

    def __init__(self, vpus: int, rows: int) -> None:
        self._bits = WORD_BITS * rows
        super().__init__({"banks": In(self._bits * vpus), "vpu": In(range(vpus)), "words": Out(self._bits)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += self.words.eq(self.banks.word_select(self.vpu, self._bits))
        return m
