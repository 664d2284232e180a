"""What all images of a layer share on a machine, worked out once: tiles, service times, and the counts of both.

Taken from the mapping that the reference engine runs: its `RegularWork` is all that does not depend on masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from accelsim.components.component_registry import per_written_word
from accelsim.config import Machine
from accelsim.counts import COUNT_NAMES
from accelsim.engine.compiled import precise_jobs as jobs
from accelsim.engine.compiled import spike_jobs as spikes
from accelsim.engine.compiled import tile_schedule as schedule
from accelsim.engine.compiled.job_shape import JobShape
from accelsim.engine.compiled.spike_jobs import SpikeShape
from accelsim.engine.compiled.tile_schedule import Timing
from accelsim.lengths import ceil_div
from accelsim.mapping.block_work import RegularWork
from accelsim.mapping.capacity import slice_lines
from accelsim.mapping.mvu_job import Ints
from accelsim.mapping.operand import Operand
from accelsim.mapping.tiling import Tile, tile_layer
from accelsim.trace import LayerTrace

COLUMN = {name: column for column, name in enumerate(COUNT_NAMES)}
SCHEDULE_COLUMNS = np.array([COLUMN[name] for name in schedule.SUMS])
SPIKE_COLUMNS = np.array([COLUMN[name] for name in spikes.SUMS])


@dataclass(frozen=True, slots=True)
class TilePlan:
    """One tile. The arrays as `tile_jobs` and `tile_schedule` take them; the last two fields matter to DRAM only.

    ``write``: of a dense tile, the cycles of each block's write-back, int64 (blocks,).
    """

    job: JobShape
    spikes: SpikeShape
    owner_of: Ints
    write: Ints
    service: Ints
    load_bits: int
    slice_lines_used: int


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """One layer.

    counts: int64 (counts,), those that are the same for all masks and spikes; of a dense layer whose inputs are words
        all but `dram_cycles`.
    per_sum: int64 (len(jobs.SUMS), counts), what one of each of the sums of `tile_jobs` adds to each count.
    dense_durations: cycles of each tile of a dense layer whose inputs are words; None for other layers.
    has_spikes: whether the inputs are spikes.
    """

    tiles: tuple[TilePlan, ...]
    timing: Timing
    counts: Ints
    per_sum: Ints
    dense_durations: Ints | None
    has_spikes: bool


def plan_layers(layers: Sequence[LayerTrace], machine: Machine) -> tuple[LayerPlan, ...]:
    """The plan of each layer; made once for all layers and schemes that differ in nothing but their masks.

    Raises AccelsimError as ``tile_layer`` does.
    """
    plans = _plans_of(machine)
    chosen = []
    for layer in layers:
        key = (layer.shape, layer.approximation, layer.selector_kind, layer.rows_per_unit)
        plan = plans.get(key)
        if plan is None:
            plan = plans[key] = _plan(layer, machine)
        chosen.append(plan)
    return tuple(chosen)


@lru_cache(maxsize=256)
def _plans_of(machine: Machine) -> dict[tuple[object, ...], LayerPlan]:
    """The plans made so far: looked up by machine once an image, as that takes longer than all else of it."""
    return {}


def _plan(layer: LayerTrace, machine: Machine) -> LayerPlan:
    dense = layer.masks is None
    has_spikes = layer.shape.has_spikes
    timing = _timing(machine, dense, has_spikes)
    counts = np.zeros(len(COUNT_NAMES), np.int64)
    durations = []
    tiles = []
    works: dict[Tile, _TileBasis] = {}  # the sub-layers of a grouped convolution are alike
    for tile in tile_layer(layer, machine):
        alike = replace(tile, first_row=0)
        if alike not in works:
            works[alike] = _tile_basis(alike, dense, timing, machine)
        basis = works[alike]
        counts += basis.counts
        if machine.dram is not None:
            counts[COLUMN["dram_bits"]] += tile.load_bits
        durations.append(basis.dense_duration)
        tiles.append(
            TilePlan(
                JobShape.of(tile, machine),
                SpikeShape.of(tile, machine),
                basis.owner_of,
                basis.write,
                basis.service,
                tile.load_bits,
                tile.slice_lines_used(machine.mvu.vpus),
            )
        )
    return LayerPlan(
        tuple(tiles),
        timing,
        counts,
        _per_sum(layer.shape.d, machine),
        np.array(durations) if dense and not has_spikes else None,
        has_spikes,
    )


@dataclass(frozen=True, slots=True)
class _TileBasis:
    """What tiles that differ in their first row alone share. The fields as in `TilePlan` and `LayerPlan`."""

    owner_of: Ints
    write: Ints
    service: Ints
    counts: Ints
    dense_duration: int


def _tile_basis(tile: Tile, dense: bool, timing: Timing, machine: Machine) -> _TileBasis:
    regular = RegularWork.of(tile, machine)
    counts = np.zeros(len(COUNT_NAMES), np.int64)
    for name, count in regular.counts().items():
        counts[COLUMN[name]] = count
    most, last = regular.most, regular.last
    service = np.empty((4, regular.blocks), np.int64)
    service[:] = np.array((most.front, most.approximate, most.select, most.write_noise))[:, None]
    service[:, -1] = last.front, last.approximate, last.select, last.write_noise
    duration = np.zeros(1, np.int64)
    write = regular.per_block(most.write, last.write)
    if dense and not tile.has_spikes:
        precise = regular.per_block(most.precise, last.precise)
        sums = np.zeros((1, len(schedule.SUMS)), np.int64)
        schedule.tile_schedule(service, precise[None], write[None], timing, duration, sums)
        counts[SCHEDULE_COLUMNS] += sums[0]
    return _TileBasis(JobShape.of(tile, machine).owner_of_row(), write, service, counts, int(duration[0]))


def _timing(machine: Machine, dense: bool, one_core: bool) -> Timing:
    return Timing(
        dense=int(dense),
        cores=machine.cores,
        one_core=int(one_core),
        interleaved=int(machine.split == "interleaved"),
        slots=machine.sequencer.lookahead + 1,
        approximate_first=int(machine.sequencer.mvu_order == "approximate_first"),
        pipeline_depth_cycles=machine.mvu.pipeline_depth_cycles,
        select_latency_cycles=machine.selector.latency_cycles if machine.selector else 0,
    )


def _per_sum(d: int, machine: Machine) -> Ints:
    operand = Operand.precise(machine, d)
    chunks = operand.chunks
    adds = {
        "essential_neurons": {
            "essential_neurons": 1,
            "brick_ops_16bit": 16 * d,
            "vpu_steps_16bit": chunks,
            "result_buffer_writes": 1,
            "result_buffer_reads": 1,
            **per_written_word(machine),
        },
        "issue": {"precise_issue_cycles": chunks},
        "port_stall": {"precise_port_stall_cycles": chunks},
        "bubble": {"precise_bubble_cycles": chunks},
        "weight_fetches": {
            "weight_sram_reads_16bit": chunks * operand.weight_accesses,
            "weight_register_writes": chunks * operand.weight_words,
        },
        "operand_reads": {"patch_buffer_reads": chunks},
        "positions_served": {"broadcast_register_writes": chunks * operand.operand_words},
        "lines": {"output_sram_writes": 1},
        "write_cycles": {"output_busy_cycles": 1},
    }
    table = np.zeros((len(jobs.SUMS), len(COUNT_NAMES)), np.int64)
    for row, name in enumerate(jobs.SUMS):
        for count, factor in adds[name].items():
            table[row, COLUMN[count]] = factor
    return table


@dataclass(frozen=True, slots=True)
class Loads:
    """The DRAM's part in an image: int64 arrays over all tiles of all layers. ``fits`` as `dram_waits` takes it."""

    cycles: Ints
    fits: Ints


def plan_loads(plans: tuple[LayerPlan, ...], machine: Machine) -> Loads | None:
    """How long each tile takes to load, and whether it may be while the tile before it runs; None without DRAM."""
    if machine.dram is None:
        return None
    tiles = [tile for plan in plans for tile in plan.tiles]
    transfers = [ceil_div(ceil_div(tile.load_bits, 8), machine.dram.bytes_per_cycle) for tile in tiles]
    used = np.array([tile.slice_lines_used for tile in tiles])
    fits = np.zeros(len(tiles), np.int64)
    fits[1:] = used[1:] + used[:-1] <= slice_lines(machine)
    return Loads(machine.dram.latency_cycles + np.array(transfers), fits)
