"""The brick: a 4x4 multiplier whose operands are each signed or unsigned."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

PRODUCT_BITS = 9  # -120 (-8 * 15) to 225 (15 * 15)


def brick_product(a: Value, b: Value, a_signed: Value, b_signed: Value) -> Value:
    """The product of two nibbles, as the expression that every brick is built of.

    A nibble is widened by one bit, its sign or zero, so that one signed 5x5 multiplier serves the four cases.
    """
    wide_a = Cat(a, a[3] & a_signed).as_signed()
    wide_b = Cat(b, b[3] & b_signed).as_signed()
    return (wide_a * wide_b)[:PRODUCT_BITS].as_signed()


class Brick(wiring.Component):
    """``product = a * b``; ``a_signed`` and ``b_signed`` say how the nibbles are read. Combinational."""

    latency = 0

    def __init__(self) -> None:
        super().__init__(
            {
                "a": In(4),
                "b": In(4),
                "a_signed": In(1),
                "b_signed": In(1),
                "product": Out(signed(PRODUCT_BITS)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += self.product.eq(brick_product(self.a, self.b, self.a_signed, self.b_signed))
        return m
