"""The chip: all cores work on a tile together, tile after tile (section 6)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import simpy

from accelsim.config import Machine
from accelsim.counts import Counts, total
from accelsim.machine.clocking import Process
from accelsim.machine.core import Core
from accelsim.machine.dram_channel import Dram
from accelsim.machine.observer import Observer
from accelsim.mapping import CoreWork, TileWork
from accelsim.mapping.code_pass import CodePass


class Chip:
    """Runs the tiles of one image.

    ``layers`` are the tiles of each layer, in the order of execution. After ``run``, ``counts`` holds one
    ``Counts`` per layer. An ``observer`` is notified of every job.
    """

    def __init__(
        self,
        env: simpy.Environment,
        machine: Machine,
        layers: Sequence[Sequence[TileWork]],
        observer: Observer | None = None,
    ) -> None:
        self.env = env
        self.machine = machine
        self.layers = layers
        self.observer = observer
        self.counts: list[Counts] = []
        self.dram: Dram | None = None
        if machine.dram is not None:
            tiles = [tile for layer in layers for tile in layer]
            self.dram = Dram(
                env,
                machine,
                [tile.load_bits for tile in tiles],
                [tile.slice_lines_used for tile in tiles],
                observer,
            )

    def run(self) -> Process:
        """Run all tiles of all layers, one after the other, each on all cores."""
        if self.dram is not None:
            self.env.process(self.dram.run())
        index = 0
        for layer in self.layers:
            counts: list[Counts] = []
            for tile in layer:
                if tile.code_pass.cycles:
                    yield from self._pass_codes(index, tile.code_pass)
                    counts.append(Counts(**tile.code_pass.counts))
                waiting_since = self.env.now
                if self.dram is not None:
                    yield self.dram.loaded[index]
                    self.dram.tile_started[index].succeed()
                waited = int(self.env.now - waiting_since)
                start = self.env.now
                cores = [self._core(index, number, work) for number, work in enumerate(tile.cores)]
                yield self.env.all_of([self.env.process(core.run()) for core in cores])
                elapsed = int(self.env.now - start)
                if self.observer is not None:
                    self.observer.tile_ended(index, int(start), int(self.env.now))
                counts += [self._with_waits(core.counts, elapsed, waited) for core in cores]
                if self.dram is not None:
                    self.dram.tile_ended[index].succeed()
                    counts.append(Counts(dram_bits=tile.load_bits))
                index += 1
            self.counts.append(total(counts))

    def _pass_codes(self, tile: int, code_pass: CodePass) -> Process:
        """Make the code map of a layer, in all cores at once, before the layer's first tile."""
        start = int(self.env.now)
        yield self.env.timeout(code_pass.cycles)
        if self.observer is not None:
            self.observer.codes_made(tile, start, int(self.env.now))

    def _core(self, tile: int, number: int, work: CoreWork) -> Core:
        ended = None if self.observer is None else partial(self.observer.job_ended, tile, number)
        return Core(self.env, self.machine, work, ended)

    @staticmethod
    def _with_waits(counts: Counts, elapsed_cycles: int, waited_cycles: int) -> Counts:
        return counts.replaced(
            barrier_cycles=elapsed_cycles - counts.core_cycles,
            dram_cycles=waited_cycles,
            core_cycles=elapsed_cycles + waited_cycles,
        )
