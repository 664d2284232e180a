"""Small pieces that several units share."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, ValueLike
from amaranth.lib import wiring


def delayed(m: Module, value: ValueLike, cycles: int, name: str) -> Value:
    """The bits of `value` as they were `cycles` clock edges ago; `value` itself for 0."""
    bits = Value.cast(value)
    if cycles == 0:
        return bits
    width = len(bits)
    line = Signal(width * cycles, name=name)
    m.d.sync += line.eq(Cat(bits, line[: width * (cycles - 1)]))
    return line[width * (cycles - 1) :]


RIPPLE_BITS = 16


def lowest(m: Module, bits: Value, name: str) -> Value:
    """Only the lowest set bit of `bits`, or 0. Wide ones are searched by groups, so no carry is long."""
    if len(bits) <= RIPPLE_BITS:
        return (bits & (~bits + 1))[: len(bits)]
    groups = [bits[i : i + RIPPLE_BITS] for i in range(0, len(bits), RIPPLE_BITS)]
    some, first = Signal(len(groups), name=f"{name}_some"), Signal(len(groups), name=f"{name}_group")
    m.d.comb += [some.eq(Cat(group.any() for group in groups)), first.eq(lowest(m, some, f"{name}_group"))]
    return Cat(Mux(bit, lowest(m, group, name), 0) for group, bit in zip(groups, first, strict=True))


def encode(one_hot: Value) -> Value:
    """The number of the bit that is set; 0 if none is."""
    width = len(one_hot)
    out = []
    for bit in range(max(1, (width - 1).bit_length())):
        mask = sum(1 << i for i in range(width) if i >> bit & 1)
        out.append((one_hot & Const(mask, width)).any())
    return Cat(*out)


def thermometer(count: Value, width: int) -> Value:
    """`width` bits of which the lowest `count` are set; all, if `count` is more."""
    return Cat(count > i for i in range(width))


def wrapped(m: Module, value: Value, modulus: int, name: str) -> Value:
    """`value` mod `modulus`, for a value below twice the modulus."""
    out = Signal(range(modulus), name=name)
    m.d.comb += out.eq(Mux(value >= modulus, value - modulus, value))
    return out


def population(bits: Value | Sequence[Value]) -> Value:
    """How many of the bits are set."""
    total: Value = Const(0, 1)
    for bit in bits:
        total = total + bit
    return total


def select(choices: Sequence[ValueLike], index: Value) -> Value:
    """``choices[index]`` of equally wide unsigned values; the last for an index beyond."""
    values = [Value.cast(choice) for choice in choices]
    if len(values) == 1:
        return values[0]
    width = max(len(value) for value in values)
    out = values[-1]
    for i in range(len(values) - 2, -1, -1):
        out = Mux(index == i, values[i], out)
    return out[:width]


def drive(m: Module, unit: wiring.Component, **inputs: ValueLike) -> None:
    """Connect inputs of a unit, by name."""
    m.d.comb += [getattr(unit, name).eq(value) for name, value in inputs.items()]
