"""Front end: fetches patches from the input SRAM and projects them on their way to the patch buffer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import simpy

from accelsim.machine.clocking import Process
from accelsim.machine.job_queue import Slots


class FrontEnd:
    """Serves the blocks in order; each needs a slot before its fetch may start.

    ========================= ==========================================================
    ``service_cycles[b]``     fetch or projection of block b
    ``slots``                 says when the slot of block b is free
    ``fetched(b)``            called in the cycle in which block b is complete
    ``idle_slot_cycles``      cycles spent waiting for a slot
    ``last_end``              cycle at which the last fetch ended
    ========================= ==========================================================
    """

    def __init__(
        self,
        env: simpy.Environment,
        service_cycles: Sequence[int],
        slots: Slots,
        fetched: Callable[[int], None],
    ) -> None:
        self.env = env
        self.service_cycles = service_cycles
        self.slots = slots
        self.fetched = fetched
        self.idle_slot_cycles = 0
        self.last_end = env.now

    def run(self) -> Process:
        """Fetch all blocks of the tile, each as soon as it has a slot."""
        for block, cycles in enumerate(self.service_cycles):
            waiting_since = self.env.now
            yield self.slots.free_for(block)
            self.idle_slot_cycles += int(self.env.now - waiting_since)
            yield self.env.timeout(cycles)
            self.last_end = self.env.now
            self.fetched(block)
