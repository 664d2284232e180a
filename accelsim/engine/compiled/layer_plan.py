"""What all images of a layer share on a machine, worked out once: tiles, service times, and the counts of both.

It comes from the mapping that the reference engine runs: its `RegularWork` is all that does not depend on masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np

from accelsim.arrays import Ints
from accelsim.bounded_store import BoundedStore
from accelsim.config import Machine
from accelsim.counts import COUNT_NAMES
from accelsim.engine.compiled.engine_sums import COLUMN, SCHEDULE, SCHEDULE_COLUMNS, sums_to_counts
from accelsim.engine.compiled.job_shape import JobShape
from accelsim.engine.compiled.spike_jobs import SpikeShape
from accelsim.engine.compiled.tile_schedule import SERVICE, Services, Timing, tile_schedule
from accelsim.lengths import ceil_div
from accelsim.mapping.block_work import BlockWork, RegularWork
from accelsim.mapping.capacity import slice_lines
from accelsim.mapping.code_pass import code_pass
from accelsim.mapping.tiling import Tile, tile_layer
from accelsim.trace import LayerTrace

MACHINES_KEPT = 256
LAYERS_KEPT = 1024
"""Machines whose plans are kept, and layers of each: several times those of a point of a sweep."""


@dataclass(frozen=True, slots=True)
class TilePlan:
    """One tile, as `tile_jobs`, `tile_spikes` and `tile_schedule` take it.

    job, spikes: What its jobs depend on besides masks and spikes.
    owner_of: int64 (rows,), as made by `JobShape.owner_of_row`.
    write: int64 (blocks,), write-back cycles of each block of a dense tile.
    service: int64 (services, blocks), cycles by `SERVICE`.
    load_bits, slice_lines_used: As in `Tile`; they matter to DRAM only.
    """

    job: JobShape
    spikes: SpikeShape
    owner_of: Ints
    write: Ints
    service: Ints
    load_bits: int
    slice_lines_used: int


@dataclass(frozen=True, slots=True)
class MaskedTiles:
    """All tiles of a layer with masks, as `masked_layer` takes them."""

    jobs: Ints
    owners: Ints
    services: Ints
    timing: Ints

    @classmethod
    def of(cls, tiles: Sequence[TilePlan], timing: Timing) -> MaskedTiles:
        """Return the tiles of a layer, which all have as many blocks, on a machine of this timing."""
        owners = np.zeros((len(tiles), max(tile.job.rows for tile in tiles)), np.int64)
        for row, tile in zip(owners, tiles, strict=True):
            row[: tile.job.rows] = tile.owner_of
        return cls(
            np.array([tile.job for tile in tiles], np.int64),
            owners,
            np.stack([tile.service for tile in tiles]),
            np.array(timing, np.int64),
        )


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """One layer.

    masked: Its tiles once more, if it has masks.
    counts: int64 (counts,), those that are the same for all masks and spikes; of a layer that has neither all but
        `dram_cycles`.
    per_sum: int64 (sums, counts), what one of each sum of `tile_jobs`, then of `tile_schedule`, adds to each count.
    durations: int64 (tiles,), cycles of each tile of a layer with neither masks nor spikes; None for other layers.
    has_spikes: Whether the inputs are spikes.
    code_pass_cycles: Cycles of the code pass before the first tile, in every core.
    """

    tiles: tuple[TilePlan, ...]
    masked: MaskedTiles | None
    timing: Timing
    counts: Ints
    per_sum: Ints
    durations: Ints | None
    has_spikes: bool
    code_pass_cycles: int


_PlansByKey = BoundedStore[tuple[object, ...], LayerPlan]


class LayerPlans:
    """The plans made so far, so that layers and schemes that differ in nothing but their masks share one.

    To hash a machine, or the facts of a layer, takes longer than all else of one image. So for the machine of the latest
    call plans are found by the layer as an object, and only otherwise by what they depend on.

    Args:
        machines: Machines whose plans are kept; those met longest ago are dropped.
        layers: Plans that are kept of each machine, likewise.
    """

    def __init__(self, machines: int = MACHINES_KEPT, layers: int = LAYERS_KEPT) -> None:
        self._layers = layers
        self._of_machine: BoundedStore[Machine, _PlansByKey] = BoundedStore(machines)
        self._latest: tuple[Machine, _PlansByKey, WeakKeyDictionary[LayerTrace, LayerPlan]] | None = None

    def of(self, layers: Sequence[LayerTrace], machine: Machine) -> tuple[LayerPlan, ...]:
        """Return the plan of each layer.

        Raises:
            AccelsimError: As `tile_layer` does.
        """
        latest = self._latest
        if latest is None or latest[0] is not machine:
            plans = self._of_machine.get(machine, BoundedStore, self._layers)
            self._latest = latest = (machine, plans, WeakKeyDictionary())
        _, plans, of_layer = latest
        found = []
        for layer in layers:
            plan = of_layer.get(layer)
            if plan is None:
                plan = of_layer[layer] = plans.get(_plan_key(layer), _plan, layer, machine)
            found.append(plan)
        return tuple(found)


def _plan_key(layer: LayerTrace) -> tuple[object, ...]:
    """Return all of a layer that its plan depends on."""
    return (
        layer.shape,
        layer.approximation,
        layer.approximated,
        layer.precise_bits,
        layer.selector_kind,
        layer.rows_per_unit,
        layer.scheme.scales_scores,
        layer.scheme.keep,
    )


def _plan(layer: LayerTrace, machine: Machine) -> LayerPlan:
    has_masks, has_spikes = layer.masks is not None, layer.shape.has_spikes
    regular = not has_masks and not has_spikes
    timing = _timing(machine, layer, has_spikes)
    before = code_pass(layer, machine)
    counts = np.zeros(len(COUNT_NAMES), np.int64)
    for name, count in before.counts.items():
        counts[COLUMN[name]] = count
    durations = []
    tiles = []
    works: dict[Tile, _TileBasis] = {}  # the sub-layers of a grouped convolution are alike
    for tile in tile_layer(layer, machine):
        alike = replace(tile, first_row=0)
        if alike not in works:
            works[alike] = _tile_basis(alike, regular, timing, machine)
        basis = works[alike]
        counts += basis.counts
        if machine.dram is not None:
            counts[COLUMN["dram_bits"]] += tile.load_bits
        durations.append(basis.duration)
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
        MaskedTiles.of(tiles, timing) if has_masks else None,
        timing,
        counts,
        sums_to_counts(layer.shape.d, layer.precise_bits, machine),
        np.array(durations) if regular else None,
        has_spikes,
        before.cycles,
    )


@dataclass(frozen=True, slots=True)
class _TileBasis:
    """What tiles share that differ in their first row alone. Fields as in `TilePlan` and `LayerPlan`."""

    owner_of: Ints
    write: Ints
    service: Ints
    counts: Ints
    duration: int


def _tile_basis(tile: Tile, is_regular: bool, timing: Timing, machine: Machine) -> _TileBasis:
    regular = RegularWork.of(tile, machine)
    counts = np.zeros(len(COUNT_NAMES), np.int64)
    for name, count in regular.counts().items():
        counts[COLUMN[name]] = count
    most, last = regular.most, regular.last
    service = np.empty((len(SERVICE), regular.blocks), np.int64)
    service[:] = np.array(_services(most))[:, None]
    service[:, -1] = _services(last)
    duration = np.zeros(1, np.int64)
    write = regular.per_block(most.write, last.write)
    if is_regular:
        precise = regular.per_block(most.precise, last.precise)
        sums = np.zeros((1, len(SCHEDULE)), np.int64)
        tile_schedule(service, precise[None], write[None], timing, duration, sums)
        counts[SCHEDULE_COLUMNS] += sums[0]
    return _TileBasis(JobShape.of(tile, machine).owner_of_row(), write, service, counts, int(duration[0]))


def _services(block: BlockWork[int]) -> Services:
    return Services(block.front, block.approximate, block.select, block.write_noise)


def _timing(machine: Machine, layer: LayerTrace, one_core: bool) -> Timing:
    selector = machine.selector if layer.masks is not None else None
    return Timing(
        dense=int(layer.is_dense),
        cores=machine.cores,
        one_core=int(one_core),
        interleaved=int(machine.split == "interleaved"),
        slots=machine.sequencer.lookahead + 1,
        approximate_first=int(machine.sequencer.mvu_order == "approximate_first"),
        pipeline_depth_cycles=machine.mvu.pipeline_depth_cycles,
        select_latency_cycles=0 if selector is None else selector.latency_cycles,
    )


@dataclass(frozen=True, slots=True)
class Loads:
    """The DRAM's part in an image: int64 arrays over all tiles of all layers, as `dram_waits` takes them.

    tiles_of_layers: Tiles of each layer.
    """

    tiles_of_layers: tuple[int, ...]
    cycles: Ints
    fits: Ints
    code_passes: Ints


def plan_loads(plans: tuple[LayerPlan, ...], machine: Machine) -> Loads | None:
    """Return how long each tile takes to load, and which fit beside the tile before; None without DRAM."""
    if machine.dram is None:
        return None
    tiles = [tile for plan in plans for tile in plan.tiles]
    transfers = [ceil_div(ceil_div(tile.load_bits, 8), machine.dram.bytes_per_cycle) for tile in tiles]
    used = np.array([tile.slice_lines_used for tile in tiles])
    fits = np.zeros(len(tiles), np.int64)
    fits[1:] = used[1:] + used[:-1] <= slice_lines(machine)
    passes = [plan.code_pass_cycles * (index == 0) for plan in plans for index in range(len(plan.tiles))]
    tiles_of_layers = tuple(len(plan.tiles) for plan in plans)
    return Loads(tiles_of_layers, machine.dram.latency_cycles + np.array(transfers), fits, np.array(passes))
