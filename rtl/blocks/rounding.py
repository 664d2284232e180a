"""Rounding shifts and saturation, shared by the requantizer and the quantizer."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed

SHIFT_BITS = 6  # shifts of 0 to 47


def shift_with_guard(value: Value, shift: Value) -> Value:
    """``floor(2 * value / 2**shift)``: the shifted number with one bit more below its point.

    That bit is all that rounding half up needs: ``(value + 2**(shift-1)) >> shift`` is the number without it,
    plus it. A shift of 0 leaves it 0.
    """
    return Cat(Const(0, 1), value).as_signed() >> shift


def round_and_saturate(m: Module, guarded: Value, bits: int) -> Value:
    """The signed number of ``bits`` bits nearest to ``guarded`` / 2, halves upwards.

    Saturation is decided before the rounding bit is added, so the long number meets no second carry chain.
    """
    whole, guard = guarded[1:], guarded[0]
    negative = whole[-1]
    fits, rounded = Signal(), Signal(signed(bits))
    greatest, least = Const(2 ** (bits - 1) - 1, signed(bits)), Const(-(2 ** (bits - 1)), signed(bits))
    low = whole[:bits].as_signed()
    m.d.comb += [
        fits.eq(Mux(negative, whole[bits - 1 :].all(), ~whole[bits - 1 :].any())),
        rounded.eq(Mux(low == greatest, greatest, low + guard)),
    ]
    return Mux(fits, rounded, Mux(negative, least, greatest))
