"""Sequencer: hands out the slots of patch and result buffer and says which job the MVU takes next."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Literal

import simpy

MvuOrder = Literal["approximate_first", "precise_first"]


class Slots:
    """The slots of a core: block b may be fetched once block b - count is released."""

    def __init__(self, env: simpy.Environment, count: int, blocks: int) -> None:
        self.env = env
        self.count = count
        self._released = [env.event() for _ in range(blocks)]

    def free_for(self, block: int) -> simpy.Event:
        """Return an event that fires once the slot of ``block`` is free (immediately if it already is)."""
        if block < self.count:
            return self.env.timeout(0)
        return self._released[block - self.count]

    def release(self, block: int) -> None:
        """Free the slot of ``block``, whose operands and outputs are no longer needed."""
        self._released[block].succeed()


@dataclass(frozen=True, slots=True)
class MvuJob:
    """One job for the MVU: the approximation of a block, or its precise work."""

    block: int
    precise: bool
    cycles: int


class JobQueue:
    """The jobs that may start now, and the policy that orders them.

    ``arrival`` is an event that fires when a job is offered to an empty queue.
    """

    def __init__(self, env: simpy.Environment, order: MvuOrder) -> None:
        self.env = env
        self.order = order
        self.arrival = env.event()
        self._waiting: list[tuple[int, int, MvuJob]] = []

    def offer(self, job: MvuJob) -> None:
        """Add a job, which may start from this cycle on."""
        preferred = job.precise == (self.order == "precise_first")
        heapq.heappush(self._waiting, (int(not preferred), job.block, job))
        if not self.arrival.triggered:
            self.arrival.succeed()

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self) -> MvuJob:
        """Remove and return the job that the policy puts first. The queue must not be empty."""
        job = heapq.heappop(self._waiting)[2]
        if not self._waiting:
            self.arrival = self.env.event()
        return job
