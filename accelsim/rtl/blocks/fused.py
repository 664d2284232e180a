"""Sixteen bricks: one signed 16x16 multiplier, four signed 8x8 products summed, or sixteen signed 4x4 products summed."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.blocks.brick import PRODUCT_BITS, brick_product
from accelsim.rtl.blocks.once import written_once

BRICKS = 16
PRODUCT_16X16_BITS = 32
BYTES = 4
"""8x8 products of a multiplier."""


def spread_bytes(chunk: Value) -> Value:
    """Return 4 bytes as the narrow operand of a multiplier in byte mode.

    The nibbles of byte q go where the two bricks on the diagonal of quad q take theirs, so that only the other two
    bricks of a quad need to choose; the places between are 0.
    """
    nibbles: list[Value] = [Const(0, 4)] * BRICKS
    for q in range(BYTES):
        for half in (0, 1):
            nibbles[diagonal_brick(q, half)] = chunk.word_select(2 * q + half, 4)
    return Cat(*nibbles)


def diagonal_brick(quad: int, half: int) -> int:
    """Return the number of the brick in row and column `half` of a quad."""
    return 4 * (2 * (quad // 2) + half) + 2 * (quad % 2) + half


def _quad(p: list[Value], shift: int, joined: Value) -> Value:
    """Four products of two halves by two halves, each half ``shift`` bits: joined if ``joined``, else summed."""
    low, middle, high = p[0], p[1] + p[2], p[3]
    return low + Mux(joined, middle << shift, middle) + Mux(joined, high << 2 * shift, high)


@written_once
class FusedMultiplier(wiring.Component):
    """A 16-bit lane of a VPU: bricks fused by shift-add, as in the BitFusion of Sharma et al. (ISCA 2018).

    ``wide`` = 1: ``product = a_wide * b_wide``, both signed 16 bits. ``wide`` = 0: ``product`` = the sum over
    i of nibble i of ``a_narrow`` times nibble i of ``b_narrow``, all nibbles signed. Built with ``bytes``, it has a
    port ``byte`` that is 1 (with ``wide`` = 0) for the sum of four signed 8x8 products, of operands as `spread_bytes`
    places them in ``a_narrow`` and ``b_narrow``. Two stages: bricks joined in fours, then the four fours.
    """

    latency = 2

    def __init__(self, bytes: bool = False) -> None:
        self._bytes = bytes
        members = {
            "wide": In(1),
            "a_wide": In(16),
            "b_wide": In(16),
            "a_narrow": In(4 * BRICKS),
            "b_narrow": In(4 * BRICKS),
            "product": Out(signed(PRODUCT_16X16_BITS)),
        }
        if bytes:
            members["byte"] = In(1)
        super().__init__(members)

    def _brick(self, i: int, j: int) -> Value:
        """Brick (i, j): nibble i of a times nibble j of b if wide; nibbles of its quad's bytes; or nibble 4i + j of each.

        Only the top nibble of a number carries its sign.
        """
        a, a_signed = self._nibble(self.a_wide, self.a_narrow, i, j, i)
        b, b_signed = self._nibble(self.b_wide, self.b_narrow, i, j, j)
        return brick_product(a, b, a_signed, b_signed)

    def _nibble(self, word: Value, narrow: Value, i: int, j: int, along: int) -> tuple[Value, Value]:
        """Return the nibble of an operand at brick (i, j), whose number in a word is `along`, and whether it is signed."""
        chosen = narrow.word_select(4 * i + j, 4)
        is_top, half = along == 3, along % 2
        sign = Const(1, 1) if is_top else ~self.wide
        if self._bytes:
            if i % 2 != j % 2:
                quad = 2 * (i // 2) + j // 2
                chosen = Mux(self.byte, narrow.word_select(diagonal_brick(quad, half), 4), chosen)
            if not half:
                sign = ~(self.wide | self.byte)
        return Mux(self.wide, word.word_select(along, 4), chosen), sign

    def elaborate(self, platform: object) -> Module:
        m = Module()
        wide = Signal()
        m.d.sync += wide.eq(self.wide)
        quads: list[Value] = []
        for row in (0, 2):
            for column in (0, 2):
                products: list[Value] = []
                for i in (row, row + 1):
                    for j in (column, column + 1):
                        product = Signal(signed(PRODUCT_BITS), name=f"brick_{i}_{j}")
                        m.d.comb += product.eq(self._brick(i, j))
                        products.append(product)
                quad = Signal(signed(17), name=f"quad_{row // 2}_{column // 2}")
                joined = self.wide | self.byte if self._bytes else self.wide
                m.d.sync += quad.eq(_quad(products, 4, joined))
                quads.append(quad)
        m.d.sync += self.product.eq(_quad(quads, 8, wide))
        return m
