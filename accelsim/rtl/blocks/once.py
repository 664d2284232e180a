"""Blocks that a design has many of: elaborated and written once, however often they are instantiated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from amaranth.hdl import ClockSignal, Elaboratable, Instance, ResetSignal, Value
from amaranth.lib import wiring

_Block = TypeVar("_Block", bound=type[wiring.Component])


class WrittenOnce:
    """The platform under which blocks marked `written_once` become instances of a module of their own.

    ``bodies`` collects, in order of first use, each distinct block's module name and what elaborates to it.
    """

    def __init__(self) -> None:
        self.bodies: list[tuple[str, Elaboratable, wiring.Component]] = []
        self._keys: list[tuple[object, ...]] = []

    def instance(
        self, block: wiring.Component, key: tuple[object, ...], elaborate: Callable[[object], Elaboratable]
    ) -> Instance:
        """The block as an instance; ``key`` tells equal blocks, ``elaborate`` makes the body of the first."""
        if key not in self._keys:
            name = f"{type(block).__name__}_{len(self._keys)}"
            self._keys.append(key)
            self.bodies.append((name, _Body(elaborate), block))
        for part in vars(block).values():
            if isinstance(part, Elaboratable):
                # Made beforehand: it is no mistake that only the first block's is used.
                part._MustUse__used = True
        name = self.bodies[self._keys.index(key)][0]
        ports: dict[str, Any] = {"i_clk": ClockSignal(), "i_rst": ResetSignal()}
        for path, member, value in block.signature.flatten(block):
            flow = "i" if member.flow == wiring.In else "o"
            ports[f"{flow}_{'__'.join(map(str, path))}"] = Value.cast(value)
        return Instance(name, **ports)


class _Body(Elaboratable):
    def __init__(self, elaborate: Callable[[object], Elaboratable]) -> None:
        self.elaborate = elaborate


def written_once(block: _Block) -> _Block:
    """Class decorator for a clocked block: equal arguments to its constructor make equal blocks."""
    construct, elaborate = block.__init__, block.elaborate

    def __init__(self: Any, *arguments: Any, **named: Any) -> None:
        self._written_once_key = (block, arguments, named)
        construct(self, *arguments, **named)

    def elaborated(self: Any, platform: object) -> Elaboratable:
        if not isinstance(platform, WrittenOnce):
            return elaborate(self, platform)
        return platform.instance(self, self._written_once_key, lambda inner: elaborate(self, inner))

    block.__init__ = __init__
    block.elaborate = elaborated
    return block
