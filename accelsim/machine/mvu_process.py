"""Matrix-Vector Unit: runs approximate (4-bit) and precise (16-bit) jobs one at a time."""

from __future__ import annotations

from collections.abc import Callable

import simpy

from accelsim.machine.clocking import Process, settled
from accelsim.machine.job_queue import JobQueue, MvuJob


class Mvu:
    """Takes jobs from the queue until ``jobs`` are done.

    ========================= ============================================================
    ``queue``                 jobs that may start, in the policy's order
    ``ended(job)``            called in the cycle in which the last step has been issued
    ``idle_input_cycles``     idle before a job that waited for its fetch
    ``idle_select_cycles``    idle before a job that waited for its mask
    ``last_end``              cycle at which the last job ended
    ========================= ============================================================
    """

    def __init__(
        self,
        env: simpy.Environment,
        jobs: int,
        queue: JobQueue,
        dense: bool,
        ended: Callable[[MvuJob], None],
    ) -> None:
        self.env = env
        self.jobs = jobs
        self.queue = queue
        self.dense = dense
        self.ended = ended
        self.idle_input_cycles = 0
        self.idle_select_cycles = 0
        self.last_end = env.now

    def run(self) -> Process:
        """Serve all jobs of the tile, each time the one that the sequencer chooses."""
        for _ in range(self.jobs):
            if not self.queue:
                yield self.queue.arrival
            yield settled(self.env)
            job = self.queue.take()
            idle = int(self.env.now - self.last_end)
            if job.precise and not self.dense:
                self.idle_select_cycles += idle
            else:
                self.idle_input_cycles += idle
            yield self.env.timeout(job.cycles)
            self.last_end = self.env.now
            self.ended(job)
