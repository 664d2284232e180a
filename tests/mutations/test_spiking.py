"""Mistakes in the rules of spiking layers (section 13), which the oracle must catch; the RTL builds none of these layers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from random import Random

import pytest

from tests.engine.strategies import Case, spiking_case
from tests.mutations.mutant import Mutation, mutant, unchanged
from tests.mutations.verdict import first_catch
from tests.oracles.per_cycle import oracle_image

# NumPy warns where Python runs the unsigned arithmetic of machine code.
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")

CASES = 40

MUTATIONS = (
    Mutation(
        "a lane with fewer spikes decides",
        "MVU job: the busiest VPU's steps, of any lane",
        "mapping/spiking_jobs.py",
        "longest = used.max(axis=1)",
        "longest = used.min(axis=1)",
    ),
    Mutation(
        "silent passes take no cycle",
        "a pass in which no chunk has a spike takes one",
        "mapping/spiking_jobs.py",
        "bubble += np.where(silent, passes, 0)",
        "bubble += 0 * passes",
    ),
    Mutation(
        "silent chunks are read",
        "a chunk without a spike takes no read",
        "mapping/spiking_jobs.py",
        "patch_buffer_reads=passes * chunks * operand_reads",
        "patch_buffer_reads=passes * operand.chunks * operand_reads",
    ),
    Mutation(
        "only the positions with a spike are read",
        "the chunks of all q positions are read",
        "mapping/spiking_jobs.py",
        "broadcast_register_writes=operand.operand_words * passes * chunks * positions",
        "broadcast_register_writes=operand.operand_words * passes * used.sum(axis=(1, 2))",
    ),
    Mutation(
        "weights are read for every position with a spike although held",
        "weight reads: those of a chunk, once for each lane that has steps",
        "mapping/spiking_jobs.py",
        "(used > 0).sum(axis=(1, 2), dtype=np.int64) if mvu.hold_weights else steps",
        "used.sum(axis=(1, 2))",
    ),
    Mutation(
        "potentials are moved at every step",
        "write-back: a line is read and written once a block",
        "components/spiking_neurons.py",
        "kept = lines if tile.has_spikes else 0",
        "kept = steps * lines if tile.has_spikes else 0",
    ),
    Mutation(
        "updates take no time",
        "write-back: one step a cycle for the neurons of a line",
        "components/spiking_neurons.py",
        "ceil_div(max(reads + kept + writes, steps * lines), port.banks)",
        "ceil_div(reads + kept + writes, port.banks)",
    ),
    Mutation(
        "time steps dealt to all cores",
        "cores: a spiking layer's blocks all run on the first",
        "mapping/core_work.py",
        "if tile.has_spikes:  # a block",
        "if False:  # a block",
    ),
    Mutation(
        "spikes fetched as words",
        "lengths: a patch of spikes has d bits",
        "components/front_end.py",
        "reads = ceil_div(tile.input_bits * tile.d, machine.input_sram.width_bits)",
        "reads = ceil_div(16 * tile.d, machine.input_sram.width_bits)",
    ),
    Mutation(
        "compiled: a chunk's last input is not looked at",
        "MVU job: L inputs a chunk",
        "engine/compiled/spike_jobs.py",
        "bits &= ALL_BITS >> np.uint64(63 - ((end - 1) & 63))",
        "bits &= (ALL_BITS >> np.uint64(63 - ((end - 1) & 63))) >> np.uint64(1)",
        "compiled",
    ),
    Mutation(
        "compiled: positions without a spike take steps",
        "a position takes steps only in the chunks in which it has a spike",
        "engine/compiled/spike_jobs.py",
        "most = max(most, taken)",
        "most = len(range(lane, len(spikes), shape.lanes))",
        "compiled",
    ),
)


@cache
def _judged(seed: int) -> tuple[Case, list[dict[str, int]]]:
    case = spiking_case(Random(1000 + seed))
    return case, oracle_image(case.layers, case.machine, case.image)


def judged() -> Iterator[tuple[str, Case, list[dict[str, int]]]]:
    for seed in range(CASES):
        yield (f"spiking {seed}", *_judged(seed))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_is_caught(mutation: Mutation) -> None:
    assert first_catch(mutant(mutation), judged()) is not None, mutation.rule


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_engines_without_a_mistake_are_not(engine: str) -> None:
    assert first_catch(unchanged(engine), judged()) is None  # type: ignore[arg-type]
