"""The operand stage of a VPU: a position's chunk out of the broadcast registers, padding gated, held till used."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.blocks.fused import BRICKS, BYTES, spread_bytes


class OperandStage(wiring.Component):
    """Operands of a step, one edge later; what the other mode uses keeps still, and so do both without a step.

    A chunk is ``lanes`` words wide, or ``16 * lanes`` codes narrow. ``broadcast`` is the chunks of all
    ``positions``: position i's narrow chunk is at bit ``i * narrow``, its wide chunk at bit ``i * wide``.
    ``enable`` gates padding: bit i is code i of a narrow chunk or word i of a wide one. Built with ``bytes``, it has a
    port ``byte``: a chunk of ``4 * lanes`` bytes, packed like the others, goes to the narrow operands as
    `spread_bytes` places it.
    """

    latency = 1

    def __init__(self, lanes: int, positions: int, bytes: bool = False) -> None:
        self._lanes, self._bytes = lanes, bytes
        self._wide, self._narrow = 16 * lanes, 4 * BRICKS * lanes
        members = {
            "valid": In(1),
            "wide": In(1),
            "position": In(range(positions)),
            "enable": In(lanes * BRICKS),
            "broadcast": In(positions * self._narrow),
            "weights": In(self._narrow),
            "narrow_x": Out(self._narrow),
            "narrow_w": Out(self._narrow),
            "wide_x": Out(self._wide),
            "wide_w": Out(self._wide),
        }
        if bytes:
            members["byte"] = In(1)
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        narrow_enable = Cat(bit.replicate(4) for bit in self.enable)
        wide_enable = Cat(bit.replicate(16) for bit in self.enable[: self._lanes])
        with m.If(self.valid):
            with m.If(self.wide):
                m.d.sync += [
                    self.wide_x.eq(self.broadcast.word_select(self.position, self._wide) & wide_enable),
                    self.wide_w.eq(self.weights[: self._wide]),
                ]
            with m.Else():
                narrow_x = self.broadcast.word_select(self.position, self._narrow) & narrow_enable
                narrow_w: Value = self.weights
                if self._bytes:
                    of_bytes = 8 * BYTES * self._lanes
                    byte_enable = Cat(bit.replicate(8) for bit in self.enable[: BYTES * self._lanes])
                    byte_x = self.broadcast.word_select(self.position, of_bytes) & byte_enable
                    narrow_x = Mux(self.byte, self._spread(byte_x), narrow_x)
                    narrow_w = Mux(self.byte, self._spread(self.weights[:of_bytes]), narrow_w)
                m.d.sync += [self.narrow_x.eq(narrow_x), self.narrow_w.eq(narrow_w)]
        return m

    def _spread(self, chunk: Value) -> Value:
        """Return a chunk of bytes as the narrow operands of all lanes."""
        return Cat(spread_bytes(chunk.word_select(lane, 8 * BYTES)) for lane in range(self._lanes))
