"""Sums of many numbers with one carry chain."""

from __future__ import annotations

from collections.abc import Iterable

from amaranth.hdl import Cat, Const, Module, Signal, Value, signed


def carry_save_sum(
    m: Module, terms: Iterable[Value], bits: int, name: str, increments: Iterable[Value] = ()
) -> Value:
    """The sum of the terms, and of up to ``len(terms) - 1`` single bits, modulo 2**bits, as a signed number.

    Rows of full adders turn three numbers into two until two are left; only these meet in a carry chain. The
    single bits are free: each goes into the lowest place of a row's carries, which is empty, or enters the
    chain as its carry.
    """
    values = [_widened(m, term, bits, f"{name}_{i}") for i, term in enumerate(terms)]
    ones = list(increments)
    row = 0
    while len(values) > 2:
        a, b, c, *values = values
        sums, carries = Signal(bits, name=f"{name}_sums_{row}"), Signal(bits, name=f"{name}_carries_{row}")
        m.d.comb += [
            sums.eq(a ^ b ^ c),
            carries.eq(Cat(ones.pop(0) if ones else Const(0, 1), (a & b) | (c & (a ^ b)))),
        ]
        values += [sums, carries]
        row += 1
    if len(values) == 1:
        return values[0].as_signed()
    first, second = values
    if not ones:
        return (first + second)[:bits].as_signed()
    carry = ones.pop(0)
    return (Cat(carry, first) + Cat(carry, second))[1 : bits + 1].as_signed()


def _widened(m: Module, term: Value, bits: int, name: str) -> Signal:
    wide = Signal(signed(bits), name=name)
    m.d.comb += wide.eq(term)
    return wide
