"""Running a free-running block in Amaranth's simulator: one set of inputs a cycle, outputs lined up with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.sim import Simulator


def stream(
    block: wiring.Component,
    inputs: Sequence[Mapping[str, Any]],
    outputs: Sequence[str],
    latency: int | None = None,
) -> list[tuple[Any, ...]]:
    """Per cycle of ``inputs`` (port name to value), the ``outputs`` that stand ``latency`` edges later.

    A port that a cycle does not name keeps its value; after the last cycle ``valid`` is 0. ``latency`` is the
    block's own if not given.
    """
    latency = block.latency if latency is None else latency
    after = [{"valid": 0} if hasattr(block, "valid") else {}] * latency
    seen: list[tuple[Any, ...]] = []

    async def bench(context: Any) -> None:
        for cycle, values in enumerate([*inputs, *after]):
            for name, value in values.items():
                context.set(getattr(block, name), value)
            await context.delay(1e-9)
            if cycle >= latency:
                seen.append(tuple(context.get(getattr(block, name)) for name in outputs))
            await context.tick()

    module = Module()
    module.submodules.block = block
    module.d.sync += Signal(name="clocked").eq(1)  # a combinational block has no clock of its own
    simulator = Simulator(module)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen
