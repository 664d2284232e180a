"""Run images through the compiled loops, layer by layer."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from accelsim.arrays import Ints, Words
from accelsim.config import Machine
from accelsim.counts import COUNT_NAMES, Counts
from accelsim.engine.compiled.engine_sums import (
    COLUMN,
    JOB,
    SCHEDULE,
    SCHEDULE_COLUMNS,
    SPIKE,
    SPIKE_COLUMNS,
)
from accelsim.engine.compiled.job_shape import JobShape
from accelsim.engine.compiled.layer_plan import LayerPlan, LayerPlans, Loads, plan_loads
from accelsim.engine.compiled.masked_layer import masked_layer
from accelsim.engine.compiled.spike_jobs import SpikeShape, tile_spikes
from accelsim.engine.compiled.tile_schedule import SERVICE, Timing, dram_waits, tile_schedule
from accelsim.trace import LayerTrace
from accelsim.trace.packed_masks import PackedMasks

BATCH_IMAGES = 128
"""Images that go through a layer together: enough to forget the cost of a call, few enough for the cache."""

SILENT_SECONDS = 0.5
"""How long the engine may take to be ready before a terminal is told why."""

_WORD = np.dtype("<u8")

_PLANS = LayerPlans()
"""The engine's plans, for all of its runs in this process."""


def run_images(layers: Sequence[LayerTrace], machine: Machine, images: range) -> Iterator[tuple[Counts, ...]]:
    """Run each of the images, by itself, through the layers, in the order given.

    Args:
        layers: Layers with their masks.
        machine: The accelerator.
        images: Places on the first axis of the layers' masks.

    Returns:
        For each image one ``Counts`` per layer.

    Raises:
        AccelsimError: If a layer cannot run on the machine.
    """
    counts = count_images(layers, machine, images)
    return (tuple(map(Counts.of, image.tolist())) for image in counts)


def count_images(layers: Sequence[LayerTrace], machine: Machine, images: range, *, threads: int = 1) -> Ints:
    """Run images as `run_images` does, and return their counts as an array.

    Args:
        layers: Layers with their masks.
        machine: The accelerator.
        images: Places on the first axis of the layers' masks.
        threads: How many threads share the images.

    Returns:
        int64 (images, layers, counts), counts in the order of ``COUNT_NAMES``.

    Raises:
        AccelsimError: If a layer cannot run on the machine.
    """
    load_or_compile()
    plans = _PLANS.of(layers, machine)
    loads = plan_loads(plans, machine)
    result = np.empty((len(images), len(layers), len(COUNT_NAMES)), np.int64)

    tiles = sum(len(plan.tiles) for plan in plans)

    def run(first: int) -> None:
        batch = images[first : first + BATCH_IMAGES]
        counts = result[first : first + len(batch)]
        durations = np.empty((tiles, len(batch)), np.int64)
        tile = 0
        for index, (layer, plan) in enumerate(zip(layers, plans, strict=True)):
            _run_layer(layer, plan, batch, index, counts, tile, durations)
            tile += len(plan.tiles)
        if loads is not None:
            _add_dram_waits(counts, durations, loads, machine.cores)

    batches = range(0, len(images), BATCH_IMAGES)
    if threads == 1 or len(batches) == 1:
        for first in batches:
            run(first)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(run, batches))
    return result


def _add_dram_waits(counts: Ints, durations: Ints, loads: Loads, cores: int) -> None:
    """Add the cycles that tiles wait for their weights to ``counts`` (images, layers, counts).

    ``durations``: cycles of the tiles of all layers, int64 (tiles, images).
    """
    waits = np.empty_like(durations)
    dram_waits(durations, loads.cycles, loads.fits, loads.code_passes, waits)
    end = 0
    for layer, tiles in enumerate(loads.tiles_of_layers):
        waited = cores * waits[end : end + tiles].sum(axis=0)
        counts[:, layer, COLUMN["dram_cycles"]] += waited
        counts[:, layer, COLUMN["core_cycles"]] += waited
        end += tiles


def _run_layer(
    layer: LayerTrace, plan: LayerPlan, images: range, index: int, counts: Ints, tile: int, durations: Ints
) -> None:
    """Run a layer.

    Args:
        layer: The layer.
        plan: Its plan.
        images: The images that run.
        index: Its place on the second axis of ``counts``.
        counts: int64 (images, layers, counts), set for this layer.
        tile: The place of its first tile on the first axis of ``durations``.
        durations: int64 (tiles of all layers, images), set to the cycles of each tile of this layer.
    """
    if plan.masked is not None:
        assert layer.masks is not None
        masked = plan.masked
        words, first = _words(layer.masks, images)
        masked_layer(
            words,
            first,
            masked.jobs,
            masked.owners,
            masked.services,
            masked.timing,
            plan.counts,
            plan.per_sum,
            index,
            counts,
            tile,
            durations,
        )
        return
    counts[:, index] = plan.counts
    of_layer = durations[tile : tile + len(plan.tiles)]
    if plan.durations is not None:
        of_layer[:] = plan.durations[:, None]
    else:
        _run_spiking_layer(layer, plan, images, counts[:, index], of_layer)


def _run_spiking_layer(
    layer: LayerTrace, plan: LayerPlan, images: range, counts: Ints, durations: Ints
) -> None:
    """Run a layer whose inputs are spikes; ``counts`` (images, counts) has what is the same for all spikes."""
    assert layer.spikes is not None
    words, first = _words(layer.spikes, images)
    words = words[first : first + len(images)]
    blocks = plan.tiles[0].service.shape[1]
    precise = np.empty((len(images), blocks), np.int64)
    spike_sums = np.zeros((len(images), len(SPIKE)), np.int64)
    schedule_sums = np.zeros((len(images), len(SCHEDULE)), np.int64)
    for tile, duration in zip(plan.tiles, durations, strict=True):
        tile_spikes(words, tile.spikes, precise, spike_sums)
        write = np.repeat(tile.write[None], len(images), axis=0)
        tile_schedule(tile.service, precise, write, plan.timing, duration, schedule_sums)
    counts[:, SPIKE_COLUMNS] += spike_sums
    counts[:, SCHEDULE_COLUMNS] += schedule_sums


def _words(packed: PackedMasks, images: range) -> tuple[Words, int]:
    """Return packed bits as 64-bit words, zeros after the last bit, and where the first of the images is in them.

    The words are a view of all images where that is possible, and otherwise a copy of those asked for.
    """
    if images.step == 1 and packed.shape[2] % 8 == 0 and packed.flags.c_contiguous:
        return packed.view(_WORD), images.start  # as read-only as the bits of a `LayerTrace`
    bits = packed[images.start : images.stop] if images.step == 1 else packed[list(images)]
    padded = np.pad(bits, ((0, 0), (0, 0), (0, -bits.shape[2] % 8)))
    words = np.ascontiguousarray(padded).view(_WORD)
    words.setflags(write=False)
    return words, 0


def load_or_compile() -> None:
    """Make the compiled loops ready: load them from the disk, or compile them now, and say so on a terminal."""
    if dram_waits.signatures:  # type: ignore[attr-defined]
        return
    telling = threading.Timer(SILENT_SECONDS, _tell)
    telling.start()
    try:
        # The smallest possible calls: one image, one block, one tile.
        masks = np.zeros((1, 1, 1), np.uint64)
        masks.flags.writeable = False
        job = JobShape(*[1] * len(JobShape._fields))._replace(
            countable=0
        )  # else sizes of arrays must be true
        timing = Timing(*[1] * len(Timing._fields))
        one, service = np.zeros((1, 1), np.int64), np.zeros((1, len(SERVICE), 1), np.int64)
        per_sum = np.zeros((len(JOB) + len(SCHEDULE), len(COUNT_NAMES)), np.int64)
        counts = np.zeros((1, 1, len(COUNT_NAMES)), np.int64)
        jobs, when = np.array([job], np.int64), np.array(timing, np.int64)
        masked_layer(masks, 0, jobs, one, service, when, counts[0, 0], per_sum, 0, counts, 0, one)
        tile_schedule(service[0], one, one, timing, one[0], np.zeros((1, len(SCHEDULE)), np.int64))
        spike = SpikeShape(*[1] * len(SpikeShape._fields))
        tile_spikes(masks, spike, one, np.zeros((1, len(SPIKE)), np.int64))
        dram_waits(one, one[0], one[0], one[0], one)
    finally:
        telling.cancel()


def _tell() -> None:
    if sys.stderr.isatty():
        print("accelsim: compiling the engine; this is done once and kept on disk ...", file=sys.stderr)
