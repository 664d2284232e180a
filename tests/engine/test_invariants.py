"""What must hold for every network on every machine, without knowing how many cycles anything takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import assume, given, settings

from accelsim.config import Machine
from accelsim.counts import Counts
from accelsim.engine import run_image
from accelsim.trace import LayerTrace
from accelsim.trace.layer_shape import SPIKING_KINDS
from tests.engine.strategies import Case, cases
from tests.oracles.layout import ceil_div

random_cases = settings(max_examples=60, deadline=None)

CYCLES_OF_MEMORY = {"core_cycles", "dram_cycles", "dram_bits"}


def run(case: Case) -> tuple[Counts, ...]:
    return run_image(case.layers, case.machine, case.image, engine="reference")


def with_machine(case: Case, **changes: object) -> Case:
    """The case on a machine with some sections replaced."""
    return replace(case, machine=case.machine.model_copy(update=changes))


def pairs(case: Case) -> Sequence[tuple[LayerTrace, Counts]]:
    return list(zip(case.layers, run(case), strict=True))


def essential(layer: LayerTrace, image: int) -> int:
    return int(layer.essential()[image].sum())


def input_spikes(layer: LayerTrace, image: int) -> int:
    return 0 if layer.spikes is None else int(np.unpackbits(layer.spikes[image]).sum())


@random_cases
@given(case=cases())
def test_all_work_is_done_and_no_more(case: Case) -> None:
    for layer, counts in pairs(case):
        shape, k = layer.shape, 0
        assert counts.positions == shape.positions
        assert counts.essential_neurons == essential(layer, case.image)
        multiplied = 0 if shape.has_spikes else essential(layer, case.image) * shape.d
        assert counts.brick_ops_16bit == multiplied * 16
        assert counts.spike_additions == shape.n * input_spikes(layer, case.image)
        assert counts.membrane_updates == (shape.n * shape.steps if shape.kind in SPIKING_KINDS else 0)
        assert counts.noise_draws == (counts.membrane_updates if shape.noise else 0)
        if not layer.is_dense:
            assert layer.approximation is not None
            k = layer.approximation.k
        assert counts.brick_ops_4bit == shape.n * k * shape.positions


@random_cases
@given(case=cases())
def test_all_outputs_are_selected_once(case: Case) -> None:
    for layer, counts in pairs(case):
        shape = layer.shape
        groups = shape.groups * ceil_div(shape.n // shape.groups, layer.scheme.of or 1)
        approximated, nm = not layer.is_dense, layer.scheme.kind == "nm"
        assert counts.comparisons == (shape.n * shape.positions if approximated and not nm else 0)
        assert counts.groups_ranked == (groups * shape.positions if approximated and nm else 0)


@random_cases
@given(case=cases())
def test_cycles_cover_the_work_and_every_unit(case: Case) -> None:
    mvu = case.machine.mvu
    for _, counts in pairs(case):
        brick_ops = counts.brick_ops_4bit + counts.brick_ops_16bit
        assert counts.mvu_busy_cycles * mvu.vpus * mvu.bricks_per_vpu >= brick_ops
        assert counts.approximate_issue_cycles * mvu.vpus >= counts.vpu_steps_4bit
        assert counts.precise_issue_cycles * mvu.vpus >= counts.vpu_steps_16bit + counts.vpu_steps_1bit
        assert counts.vpu_steps_1bit * mvu.lanes >= counts.spike_additions
        assert counts.vpu_steps_4bit * mvu.bricks_per_vpu >= counts.brick_ops_4bit
        assert counts.vpu_steps_16bit * mvu.bricks_per_vpu >= counts.brick_ops_16bit
        at_work = counts.core_cycles - counts.barrier_cycles - counts.dram_cycles
        for busy in (
            counts.mvu_busy_cycles,
            counts.front_busy_cycles,
            counts.selector_busy_cycles,
            counts.output_busy_cycles,
        ):
            assert at_work >= busy
        banks = case.machine.output_sram.banks
        accesses = counts.output_sram_writes + counts.membrane_reads + counts.membrane_writes
        assert counts.output_busy_cycles * banks >= accesses
        assert (
            counts.output_busy_cycles * banks * case.machine.output_sram.width_bits
            >= 16 * counts.membrane_updates
        )
        assert counts.fetch_cycles * case.machine.input_sram.banks >= counts.input_sram_reads
        assert counts.front_busy_cycles >= max(counts.fetch_cycles, counts.projection_cycles)
        assert counts.front_busy_cycles <= counts.fetch_cycles + counts.projection_cycles
        unit = case.machine.projection
        if unit is not None:
            assert counts.projection_cycles * unit.lanes >= counts.projection_accumulations
            assert counts.projection_cycles * unit.quantizers >= counts.projected_values
            windows_bits = counts.projection_accumulations * _window_bits(case.machine)
            assert windows_bits // 16 >= counts.projection_additions
        # One access a cycle: the patch buffer has one port, each weight slice too.
        assert counts.mvu_busy_cycles >= counts.patch_buffer_reads
        weight_reads = counts.weight_sram_reads_4bit + counts.weight_sram_reads_16bit
        assert counts.mvu_busy_cycles * mvu.vpus >= weight_reads


def _window_bits(machine: Machine) -> int:
    return machine.input_sram.banks * machine.input_sram.width_bits


@random_cases
@given(case=cases())
def test_all_outputs_pass_the_result_buffer(case: Case) -> None:
    """z~ is written once, and read by the selector and the output port; z once, and by the output port alone."""
    for layer, counts in pairs(case):
        outputs = layer.shape.n * layer.shape.positions
        precise = counts.essential_neurons
        once = 0 if layer.is_dense else outputs
        assert counts.result_buffer_writes == once + precise
        assert counts.result_buffer_reads == 2 * once + precise


@random_cases
@given(case=cases())
def test_every_core_cycle_is_accounted_for_once(case: Case) -> None:
    for _, counts in pairs(case):
        assert counts.mvu_busy_cycles + counts.mvu_idle_cycles == counts.core_cycles
        front_idle = counts.front_idle_slot_cycles + counts.front_idle_done_cycles
        waits = counts.barrier_cycles + counts.dram_cycles
        assert counts.front_busy_cycles + front_idle + waits == counts.core_cycles
        assert counts.core_cycles % case.machine.cores == 0
        assert counts.dram_cycles % case.machine.cores == 0
        assert all(count >= 0 and type(count) is int for count in counts.as_dict().values())


@random_cases
@given(case=cases())
def test_a_run_repeats(case: Case) -> None:
    assert run(case) == run(case)


@random_cases
@given(case=cases())
def test_without_dram_a_layer_does_not_see_the_others(case: Case) -> None:
    case = with_machine(case, dram=None)
    together = run(case)
    assert run(replace(case, layers=case.layers[::-1])) == together[::-1]
    for layer, counts in zip(case.layers, together, strict=True):
        assert run(replace(case, layers=(layer,))) == (counts,)


@random_cases
@given(case=cases())
def test_dram_adds_its_waits_and_nothing_else(case: Case) -> None:
    assume(case.machine.dram is not None)
    for (layer, slow), fast in zip(pairs(case), run(with_machine(case, dram=None)), strict=True):
        assert slow.core_cycles == fast.core_cycles + slow.dram_cycles
        assert fast.dram_cycles == fast.dram_bits == 0
        k = 0 if layer.is_dense or layer.approximation is None else layer.approximation.k
        assert slow.dram_bits == layer.shape.n * (16 * layer.shape.d + 4 * k)
        same = slow.as_dict().keys() - CYCLES_OF_MEMORY
        assert all(slow.as_dict()[name] == fast.as_dict()[name] for name in same)


@random_cases
@given(case=cases())
def test_with_one_slot_the_order_of_mvu_jobs_does_not_matter(case: Case) -> None:
    """Only one block is in flight, so no two jobs wait for the MVU."""
    orders = ("approximate_first", "precise_first")
    sequencers = [
        case.machine.sequencer.model_copy(update={"lookahead": 0, "mvu_order": order}) for order in orders
    ]
    one, other = (run(with_machine(case, sequencer=sequencer)) for sequencer in sequencers)
    assert one == other


@random_cases
@given(case=cases())
def test_holding_weights_saves_reads_and_changes_no_work(case: Case) -> None:
    """Nor does it ever cost MVU cycles: a held chunk is read at most once a step."""
    held, read = (
        run(with_machine(case, mvu=case.machine.mvu.model_copy(update={"hold_weights": hold})))
        for hold in (True, False)
    )
    for one, other in zip(held, read, strict=True):
        assert one.weight_sram_reads_4bit <= other.weight_sram_reads_4bit
        assert one.weight_sram_reads_16bit <= other.weight_sram_reads_16bit
        assert one.mvu_busy_cycles <= other.mvu_busy_cycles
        assert one.weight_register_writes <= other.weight_register_writes
        for name in (
            "brick_ops_4bit",
            "brick_ops_16bit",
            "vpu_steps_4bit",
            "vpu_steps_16bit",
            "vpu_steps_1bit",
            "spike_additions",
            "front_busy_cycles",
        ):
            assert getattr(one, name) == getattr(other, name)


@random_cases
@given(case=cases())
def test_sharing_spare_vpus_never_costs_mvu_cycles(case: Case) -> None:
    """The blocks are the same; a VPU just works on its rows for fewer of their positions."""
    shared, idle = (run(_spare(case, spare)) for spare in ("share", "idle"))
    for one, other in zip(shared, idle, strict=True):
        assert one.mvu_busy_cycles <= other.mvu_busy_cycles
        assert one.blocks == other.blocks
        assert one.vpu_steps_4bit == other.vpu_steps_4bit
        assert one.vpu_steps_16bit == other.vpu_steps_16bit
        assert one.vpu_steps_1bit == other.vpu_steps_1bit


@random_cases
@given(case=cases())
def test_skipping_silent_chunks_saves_and_changes_no_result(case: Case) -> None:
    assume(case.machine.spiking is not None)
    skipping, all_chunks = (run(_skip(case, skip)) for skip in (True, False))
    for one, other in zip(skipping, all_chunks, strict=True):
        assert other.event_walks == 0
        for name in ("vpu_steps_1bit", "weight_sram_reads_16bit", "patch_buffer_reads", "mvu_busy_cycles"):
            assert getattr(one, name) <= getattr(other, name)
        for name in ("spike_additions", "membrane_updates", "output_sram_writes", "fetch_cycles"):
            assert getattr(one, name) == getattr(other, name)


def _skip(case: Case, skip: bool) -> Case:
    machine: Machine = case.machine
    assert machine.spiking is not None
    return with_machine(case, spiking=machine.spiking.model_copy(update={"skip_silent_chunks": skip}))


def _spare(case: Case, spare: str) -> Case:
    machine: Machine = case.machine
    return with_machine(case, mvu=machine.mvu.model_copy(update={"spare_vpus": spare}))
