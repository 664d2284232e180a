"""The walker against docs/machine.md, section 4, read literally: row lists, ranks, passes, slots."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import pytest

pytest.importorskip("amaranth")

from amaranth.sim import Simulator

from accelsim.rtl.core.core_shape import CoreShape, Limits
from accelsim.rtl.core.walker import Walker
from tests.rtl.machines import small_machine

ROWS = 9


@dataclass
class Window:
    """What a walker did in one window: its steps in order, and its cycles."""

    steps: list[tuple[int, int]] = field(default_factory=list)
    psums: list[int] = field(default_factory=list)
    reads: int = 0
    cycles: int = 0


def expected_passes(
    pairs: set[tuple[int, int]], positions: int, rows_in_pass: int
) -> list[list[tuple[int, int]]]:
    """For each pass its (row, position) pairs: rows number i*a .. i*a + a - 1 of every position's list."""
    lists = [sorted(r for r, p in pairs if p == position) for position in range(positions)]
    most = max(map(len, lists))
    return [
        sorted((r, p) for p, rows in enumerate(lists) for r in rows[first : first + rows_in_pass])
        for first in range(0, most, rows_in_pass)
    ]


def walk(shape: CoreShape, pairs: set[tuple[int, int]], positions: int, chunks: int) -> list[list[Window]]:
    """Run one job; the walker is alone, so a window ends when it has finished. Windows by pass and chunk."""
    walker = Walker(shape)
    passes: list[list[Window]] = []

    async def bench(sim) -> None:  # type: ignore[no-untyped-def]
        sim.set(walker.active, 1)
        sim.set(walker.mode, 0)
        sim.set(walker.positions, positions)
        sim.set(walker.pairs, sum(1 << (p * shape.rows + r) for r, p in pairs))
        job_start = True
        more = True
        while more:
            passes.append([])
            for chunk in range(chunks):
                window = Window()
                finished = False
                while not finished:
                    sim.set(walker.job_start, job_start)
                    sim.set(walker.window_start, window.cycles == 0)
                    sim.set(walker.pass_end, 0)
                    finished = bool(sim.get(walker.finished))
                    sim.set(walker.pass_end, finished and chunk == chunks - 1)
                    if sim.get(walker.step):
                        window.steps.append((sim.get(walker.row), sim.get(walker.position)))
                        window.psums.append(sim.get(walker.psum))
                    window.reads += sim.get(walker.read)
                    window.cycles += 1
                    more = bool(sim.get(walker.more))
                    await sim.tick()
                    job_start = False
                passes[-1].append(window)

    simulator = Simulator(walker)
    simulator.add_clock(1e-9)
    simulator.add_testbench(bench)
    simulator.run()
    return passes


@pytest.mark.parametrize("hold", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_steps_reads_and_cycles(hold: bool, seed: int) -> None:
    rng = Random(seed)
    positions, accumulators = rng.choice(((1, 2), (2, 5), (3, 7), (4, 8)))
    machine = small_machine(
        mvu={"position_block": positions, "accumulators_per_vpu": accumulators, "hold_weights": hold},
        weight_sram={"width_bits": rng.choice((32, 64, 128))},
    )
    shape = CoreShape(machine, Limits(rows_per_vpu=ROWS))
    in_block = rng.randint(1, positions)
    density = rng.choice((0.2, 0.6, 1.0))
    pairs = {(r, p) for r in range(ROWS) for p in range(in_block) if rng.random() < density} or {(3, 0)}
    accesses = shape.weight_accesses[0]

    wanted = expected_passes(pairs, in_block, accumulators // in_block)
    got = walk(shape, pairs, in_block, chunks=2)
    assert len(got) == len(wanted)
    for pairs_of_pass, windows in zip(wanted, got, strict=True):
        rows = {r for r, _ in pairs_of_pass}
        served = [sum(1 for r, _ in pairs_of_pass if r == row) for row in rows]
        cycles = sum(max(c, accesses) for c in served) if hold else accesses * len(pairs_of_pass)
        for window in windows:
            assert window.steps == pairs_of_pass
            assert window.psums == list(range(len(pairs_of_pass)))
            assert window.reads == accesses * (len(rows) if hold else len(pairs_of_pass))
            assert window.cycles == max(1, cycles)
