"""Selector: turns the z~ of a block into its essential mask (the mask itself comes from the trace)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import simpy

from accelsim.machine.clocking import Process, after


class Selector:
    """Serves blocks in the order in which their z~ arrive. It is pipelined: its latency delays no other block.

    ========================= ==========================================================
    ``service_cycles[b]``     comparisons or group rankings of block b
    ``latency_cycles``        from the end of the service to a valid mask
    ``valid(b)``              called in the cycle in which the mask of block b is valid
    ========================= ==========================================================
    """

    def __init__(
        self,
        env: simpy.Environment,
        service_cycles: Sequence[int],
        latency_cycles: int,
        valid: Callable[[int], None],
    ) -> None:
        self.env = env
        self.service_cycles = service_cycles
        self.latency_cycles = latency_cycles
        self.valid = valid
        self.arrived: simpy.Store = simpy.Store(env)

    def run(self) -> Process:
        """Serve all blocks of the tile in the order in which they arrive."""
        for _ in self.service_cycles:
            block: int = yield self.arrived.get()
            yield self.env.timeout(self.service_cycles[block])
            after(self.env, self.latency_cycles, lambda block=block: self.valid(block))  # type: ignore[misc]
        if self.service_cycles:  # the last mask is part of the core's work
            yield self.env.timeout(self.latency_cycles)
