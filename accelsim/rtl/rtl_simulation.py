"""Run a layer on the RTL with Amaranth's own simulator: small layers, no tool besides Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from amaranth.sim import Simulator
from numpy.typing import NDArray

from accelsim.counts import Counts, total
from accelsim.errors import AccelsimError
from accelsim.nn.fixed_point.layer_operands import CoreOperands
from accelsim.rtl.core.core_shape import CoreShape
from accelsim.rtl.core.rtl_chip import Chip
from accelsim.rtl.layer_program import TileProgram, layer_programs

CLOCK_SECONDS = 2e-9


@dataclass(frozen=True, eq=False)
class TileResult:
    """What a core's tile left: its counts, and its output words int16 (positions of the core, rows of the tile)."""

    counts: Counts
    words: NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class LayerResult:
    """z': int16 (positions, n), and the counts of all cores and tiles, as the engines give them without DRAM."""

    z: NDArray[np.int16]
    counts: Counts


class TileRunner(Protocol):
    """A simulated chip that runs one program after the other."""

    def run(self, program: TileProgram) -> TileResult:
        """What the core computed and counted in one tile."""
        ...


def run_layer(operands: CoreOperands, shape: CoreShape, runner: TileRunner) -> LayerResult:
    """All tiles of a layer on all cores, one core after the other on the same chip.

    A tile ends when its last core does; what the others wait is added as the engines do. Raises AccelsimError if
    the layer does not fit.
    """
    z = np.zeros((operands.positions, operands.n), np.int16)
    counts = []
    for programs in layer_programs(operands, shape):
        results = [runner.run(program) for program in programs]
        longest = max(result.counts.core_cycles for result in results)
        for program, result in zip(programs, results, strict=True):
            columns = slice(program.first_row, program.first_row + program.rows)
            z[list(program.positions), columns] = result.words
            wait = longest - result.counts.core_cycles
            counts += [result.counts, Counts(core_cycles=wait, barrier_cycles=wait)]
    return LayerResult(z, total(counts))


class AmaranthRunner:
    """`TileRunner` in Amaranth's simulator. The chip is made once and never reset: its memories keep what they hold."""

    def __init__(self, shape: CoreShape, cycle_limit: int = 1_000_000) -> None:
        self._shape, self._limit = shape, cycle_limit
        self._chip = Chip(shape)
        self._simulator = Simulator(self._chip)
        self._simulator.add_clock(CLOCK_SECONDS)
        self._simulator.add_testbench(self._bench)
        self._program: TileProgram | None = None
        self._result: TileResult | None = None

    def run(self, program: TileProgram) -> TileResult:
        """Load, start, wait, read. Raises AccelsimError if the tile does not end within the cycle limit."""
        self._program, self._result = program, None
        while self._result is None:
            self._simulator.advance()
        return self._result

    async def _bench(self, sim) -> None:  # type: ignore[no-untyped-def]
        while True:
            assert self._program is not None
            self._result = await self._one_tile(sim, self._program)
            await sim.tick()

    async def _one_tile(self, sim, program: TileProgram) -> TileResult:  # type: ignore[no-untyped-def]
        chip, shape = self._chip, self._shape
        sim.set(chip.config_write, 1)
        for address, value in enumerate(program.registers.values()):
            sim.set(chip.config_address, address)
            sim.set(chip.config_data, value & 0xFFFFFFFF)
            await sim.tick()
        sim.set(chip.config_write, 0)
        for name, image in program.images.items():
            enable, data = getattr(chip, f"load_{name}"), getattr(chip, f"load_{name}_data")
            sim.set(enable, 1)
            for address, line in enumerate(image):
                sim.set(chip.load_address, address)
                sim.set(data, int.from_bytes(line.tobytes(), "little"))
                await sim.tick()
            sim.set(enable, 0)
        sim.set(chip.start, 1)
        await sim.tick()
        sim.set(chip.start, 0)
        for _ in range(self._limit):
            if sim.get(chip.done):
                break
            await sim.tick()
        else:
            raise AccelsimError(f"the RTL did not end a tile within {self._limit} cycles")
        await sim.tick()  # the last write, and the counters of the cycle that has ended
        await sim.tick()
        counts = Counts(**{name: sim.get(getattr(chip, f"count_{name}")) for name in shape.counters})
        words = np.zeros((len(program.positions), program.rows), np.int16)
        per_line = shape.output_line_words
        for i, line in enumerate(program.lines):
            for first in range(0, program.rows, per_line):
                sim.set(chip.output_number, line + first // per_line)
                await sim.tick()
                data = sim.get(chip.output_line)
                some = np.frombuffer(data.to_bytes(2 * per_line, "little"), "<i2")
                words[i, first : first + per_line] = some[: program.rows - first]
        return TileResult(counts, words)
