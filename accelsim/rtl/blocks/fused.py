"""Sixteen bricks: one signed 16x16 multiplier, or sixteen signed 4x4 products summed."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.blocks.brick import PRODUCT_BITS, brick_product
from accelsim.rtl.blocks.once import written_once

BRICKS = 16
PRODUCT_16X16_BITS = 32


def _quad(p: list[Value], shift: int, wide: Value) -> Value:
    """Four products of two halves by two halves, each half ``shift`` bits: joined if ``wide``, else summed."""
    low, middle, high = p[0], p[1] + p[2], p[3]
    return low + Mux(wide, middle << shift, middle) + Mux(wide, high << 2 * shift, high)


@written_once
class FusedMultiplier(wiring.Component):
    """A 16-bit lane of a VPU: bricks fused by shift-add, as in the BitFusion of Sharma et al. (ISCA 2018).

    ``wide`` = 1: ``product = a_wide * b_wide``, both signed 16 bits. ``wide`` = 0: ``product`` = the sum over
    i of nibble i of ``a_narrow`` times nibble i of ``b_narrow``, all nibbles signed. Two stages: bricks joined
    in fours, then the four fours.
    """

    latency = 2

    def __init__(self) -> None:
        super().__init__(
            {
                "wide": In(1),
                "a_wide": In(16),
                "b_wide": In(16),
                "a_narrow": In(4 * BRICKS),
                "b_narrow": In(4 * BRICKS),
                "product": Out(signed(PRODUCT_16X16_BITS)),
            }
        )

    def _brick(self, i: int, j: int) -> Value:
        """Brick (i, j): nibble i of a times nibble j of b if wide, else nibble 4i + j of each.

        Only the top nibble of a 16-bit number carries its sign.
        """
        narrow = self.a_narrow.word_select(4 * i + j, 4), self.b_narrow.word_select(4 * i + j, 4)
        a = Mux(self.wide, self.a_wide.word_select(i, 4), narrow[0])
        b = Mux(self.wide, self.b_wide.word_select(j, 4), narrow[1])
        a_signed = 1 if i == 3 else ~self.wide
        b_signed = 1 if j == 3 else ~self.wide
        return brick_product(a, b, a_signed, b_signed)

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
                m.d.sync += quad.eq(_quad(products, 4, self.wide))
                quads.append(quad)
        m.d.sync += self.product.eq(_quad(quads, 8, wide))
        return m
