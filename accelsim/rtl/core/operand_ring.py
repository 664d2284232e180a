"""A ring of registers between a memory's port and the multipliers.

Entries come in the order in which they were asked for and are taken chunk by chunk in the same order. Between
the arrival of a chunk's first entry and its last use at most as many further entries come as the longest chunk
has (docs/machine.md, section 12), so twice that many registers never overflow, and no flow control is needed.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.core.pipeline import wrapped


class OperandRing(wiring.Component):
    """``put`` adds ``entry``; ``take`` moves on to the next chunk, of ``length`` entries.

    ``chunk`` shows the chunk taken last, the one being taken included: its entries side by side, cut to
    ``chunk_bits``.
    """

    def __init__(self, entry_bits: int, longest: int, chunk_bits: int) -> None:
        self._entries = 2 * longest
        super().__init__(
            {
                "put": In(1),
                "entry": In(entry_bits),
                "take": In(1),
                "length": In(range(longest + 1)),
                "chunk": Out(chunk_bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bits, count = len(self.entry), self._entries
        ring = Signal(bits * count)
        write, here, following = (Signal(range(count), name=name) for name in ("write", "here", "following"))
        with m.If(self.put):
            m.d.sync += [
                ring.word_select(write, bits).eq(self.entry),
                write.eq(wrapped(m, write + 1, count, "after")),
            ]
        now = Signal.like(here)
        m.d.comb += [
            now.eq(Mux(self.take, following, here)),
            self.chunk.eq(Cat(ring, ring).bit_select(now * bits, len(self.chunk))),
        ]
        with m.If(self.take):
            m.d.sync += [here.eq(now), following.eq(wrapped(m, now + self.length, count, "beyond"))]
        return m
