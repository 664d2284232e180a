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
from accelsim.engine.compiled.precise_jobs import tile_jobs
from accelsim.engine.compiled.spike_jobs import SpikeShape, tile_spikes
from accelsim.engine.compiled.tile_schedule import SERVICE, Timing, dram_waits, tile_schedule
from accelsim.trace import LayerTrace
from accelsim.trace.packed_masks import PackedMasks

BATCH_IMAGES = 128
"""Images that go through a layer together: enough to forget the cost of a call, few enough for the cache."""

SILENT_SECONDS = 0.5
"""How long the engine may take to be ready before a terminal is told why."""

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

    def run(first: int) -> None:
        batch = images[first : first + BATCH_IMAGES]
        counts = result[first : first + len(batch)]
        durations = [
            _run_layer(layer, plan, batch, counts[:, index])
            for index, (layer, plan) in enumerate(zip(layers, plans, strict=True))
        ]
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


def _add_dram_waits(counts: Ints, durations: Sequence[Ints], loads: Loads, cores: int) -> None:
    """Add the cycles that tiles wait for their weights to ``counts`` (images, layers, counts).

    ``durations``: cycles of each layer's tiles, int64 (tiles, images).
    """
    waits = np.empty((len(loads.cycles), len(counts)), np.int64)
    dram_waits(np.concatenate(durations), loads.cycles, loads.fits, loads.code_passes, waits)
    end = 0
    for layer, of_layer in enumerate(durations):
        waited = cores * waits[end : end + len(of_layer)].sum(axis=0)
        counts[:, layer, COLUMN["dram_cycles"]] += waited
        counts[:, layer, COLUMN["core_cycles"]] += waited
        end += len(of_layer)


def _run_layer(layer: LayerTrace, plan: LayerPlan, images: range, counts: Ints) -> Ints:
    """Set ``counts`` (images, counts); return the duration of each tile, int64 (tiles, images)."""
    counts[:] = plan.counts
    if plan.durations is not None:
        return np.repeat(plan.durations[:, None], len(images), axis=1)
    if plan.has_spikes:
        return _run_spiking_layer(layer, plan, images, counts)
    assert layer.masks is not None
    masks = _words(layer.masks, images)
    blocks = plan.tiles[0].service.shape[1]
    precise, write = np.empty((2, len(images), blocks), np.int64)
    job_sums = np.zeros((len(images), len(JOB)), np.int64)
    schedule_sums = np.zeros((len(images), len(SCHEDULE)), np.int64)
    durations = np.empty((len(plan.tiles), len(images)), np.int64)
    for tile, duration in zip(plan.tiles, durations, strict=True):
        tile_jobs(masks, tile.job, tile.owner_of, precise, write, job_sums)
        tile_schedule(tile.service, precise, write, plan.timing, duration, schedule_sums)
    counts += job_sums @ plan.per_job_sum
    counts[:, SCHEDULE_COLUMNS] += schedule_sums
    return durations


def _run_spiking_layer(layer: LayerTrace, plan: LayerPlan, images: range, counts: Ints) -> Ints:
    """Run a layer whose inputs are spikes, as `_run_layer` does; ``counts`` has what is the same for all spikes."""
    assert layer.spikes is not None
    words = _words(layer.spikes, images)
    blocks = plan.tiles[0].service.shape[1]
    precise = np.empty((len(images), blocks), np.int64)
    spike_sums = np.zeros((len(images), len(SPIKE)), np.int64)
    schedule_sums = np.zeros((len(images), len(SCHEDULE)), np.int64)
    durations = np.empty((len(plan.tiles), len(images)), np.int64)
    for tile, duration in zip(plan.tiles, durations, strict=True):
        tile_spikes(words, tile.spikes, precise, spike_sums)
        write = np.repeat(tile.write[None], len(images), axis=0)
        tile_schedule(tile.service, precise, write, plan.timing, duration, schedule_sums)
    counts[:, SPIKE_COLUMNS] += spike_sums
    counts[:, SCHEDULE_COLUMNS] += schedule_sums
    return durations


def _words(packed: PackedMasks, images: range) -> Words:
    """Return the packed bits of some images as 64-bit words, zeros after the last; a view where that is possible."""
    bits = packed[images.start : images.stop] if images.step == 1 else packed[list(images)]
    spare = -bits.shape[2] % 8
    if spare or not bits.flags.c_contiguous:
        bits = np.ascontiguousarray(np.pad(bits, ((0, 0), (0, 0), (0, spare))))
    words = bits.view("<u8")
    words.flags.writeable = False
    return words


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
        )  # else the sizes of arrays must be true
        one, sums = np.zeros((1, 1), np.int64), np.zeros((1, len(JOB)), np.int64)
        tile_jobs(masks, job, one[0], one, one, sums)
        timing = Timing(*[1] * len(Timing._fields))
        tile_schedule(np.zeros((len(SERVICE), 1), np.int64), one, one, timing, one[0], sums)
        spike = SpikeShape(*[1] * len(SpikeShape._fields))
        tile_spikes(masks, spike, one, np.zeros((1, len(SPIKE)), np.int64))
        dram_waits(one, one[0], one[0], one[0], one)
    finally:
        telling.cancel()


def _tell() -> None:
    if sys.stderr.isatty():
        print("accelsim: compiling the engine; this is done once and kept on disk ...", file=sys.stderr)
