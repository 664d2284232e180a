"""The rounding, saturating shift of the requantizer and the quantizer."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed

SHIFT_BITS = 6  # shifts of 0 to 46


def rounded_shift(m: Module, value: Value, shift: Value, bits: int) -> Value:
    """``(value + half) >> shift``, half = 2**(shift-1) or 0 for shift 0, saturated to a signed number of ``bits`` bits.

    That sum is the shifted value plus the last bit shifted out, so a short increment after the shift does for
    the long addition before it; and whether the result fits is decided before the increment.
    """
    shifted = Signal(signed(len(value) + 1))
    m.d.comb += shifted.eq(Cat(Const(0, 1), value).as_signed() >> shift)
    whole, half = shifted[1:], shifted[0]
    negative, high, low = whole[-1], whole[bits - 1 :], whole[:bits].as_signed()
    greatest, least = Const(2 ** (bits - 1) - 1, signed(bits)), Const(-(2 ** (bits - 1)), signed(bits))
    fits, rounded = Signal(), Signal(signed(bits))
    m.d.comb += [
        fits.eq(Mux(negative, high.all(), ~high.any())),
        rounded.eq(Mux(low == greatest, greatest, low + half)),
    ]
    return Mux(fits, rounded, Mux(negative, least, greatest))
