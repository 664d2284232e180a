"""DRAM channel: loads the weights of one tile after the other, ahead of need where they fit (section 6)."""

from __future__ import annotations

from collections.abc import Sequence

import simpy

from accelsim.config import Machine
from accelsim.lengths import ceil_div
from accelsim.machine.clocking import Process
from accelsim.machine.observer import Observer
from accelsim.mapping.capacity import slice_lines


class Dram:
    """Loads tile j once load j-1 has ended and there is room for it.

    ========================= ==========================================================
    ``load_bits[j]``          weight bits of tile j
    ``slice_lines_used[j]``   lines that tile j takes in the fullest VPU slice
    ``tile_started[j]``       event, set off by the chip
    ``tile_ended[j]``         event, set off by the chip
    ``loaded[j]``             event, set off by the channel
    ========================= ==========================================================

    Two tiles fit together if a slice holds both; then tile j is loaded while tile j-1 computes.
    """

    def __init__(
        self,
        env: simpy.Environment,
        machine: Machine,
        load_bits: Sequence[int],
        slice_lines_used: Sequence[int],
        observer: Observer | None = None,
    ) -> None:
        assert machine.dram is not None
        self.env = env
        self.dram = machine.dram
        self.slice_lines = slice_lines(machine)
        self.load_bits = load_bits
        self.slice_lines_used = slice_lines_used
        self.observer = observer
        self.tile_started = [env.event() for _ in load_bits]
        self.tile_ended = [env.event() for _ in load_bits]
        self.loaded = [env.event() for _ in load_bits]

    def run(self) -> Process:
        """Load all tiles in order, each as soon as section 6 allows."""
        for tile, bits in enumerate(self.load_bits):
            if tile > 0:
                together = self.slice_lines_used[tile - 1] + self.slice_lines_used[tile]
                fits = together <= self.slice_lines
                yield (self.tile_started if fits else self.tile_ended)[tile - 1]
            start = int(self.env.now)
            transfer_cycles = ceil_div(ceil_div(bits, 8), self.dram.bytes_per_cycle)
            yield self.env.timeout(self.dram.latency_cycles + transfer_cycles)
            self.loaded[tile].succeed()
            if self.observer is not None:
                self.observer.tile_loaded(tile, start, int(self.env.now))
