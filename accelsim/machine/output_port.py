"""Output port: writes z~ of approximated layers, then z over it, to the output SRAM."""

from __future__ import annotations

import simpy

from accelsim.machine.clocking import Process


class OutputPort:
    """Serves writes in the order in which they arrive, until ``jobs`` are done.

    ========================= ====================================
    ``arrived``               service cycles of each write, a Store
    ========================= ====================================
    """

    def __init__(self, env: simpy.Environment, jobs: int) -> None:
        self.env = env
        self.jobs = jobs
        self.arrived: simpy.Store = simpy.Store(env)

    def run(self) -> Process:
        for _ in range(self.jobs):
            cycles: int = yield self.arrived.get()
            yield self.env.timeout(cycles)
