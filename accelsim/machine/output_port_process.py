"""Output port: writes z~ of approximated layers, then z over it, to the output SRAM."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import simpy

from accelsim.machine.clocking import Process


@dataclass(frozen=True, slots=True)
class Write:
    """One write of a block; ``ended(block)`` is called in the cycle in which it ends."""

    block: int
    cycles: int
    ended: Callable[[int], None]


class OutputPort:
    """Serves writes in the order in which they arrive, until ``jobs`` are done.

    ========================= ====================================
    ``arrived``               each `Write`, a Store
    ========================= ====================================
    """

    def __init__(self, env: simpy.Environment, jobs: int) -> None:
        self.env = env
        self.jobs = jobs
        self.arrived: simpy.Store = simpy.Store(env)

    def run(self) -> Process:
        """Serve all writes of the tile in the order in which they arrive."""
        for _ in range(self.jobs):
            write: Write = yield self.arrived.get()
            yield self.env.timeout(write.cycles)
            write.ended(write.block)
