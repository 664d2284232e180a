"""All images of a layer with masks in one call: handing over its tiles one by one takes longer than their work."""

from __future__ import annotations

import numpy as np

from accelsim.arrays import Ints, Words
from accelsim.engine.compiled.engine_sums import JOB, SCHEDULE
from accelsim.engine.compiled.jit import compiled, inlined
from accelsim.engine.compiled.job_shape import shape_from_row
from accelsim.engine.compiled.precise_jobs import tile_jobs
from accelsim.engine.compiled.tile_schedule import tile_schedule, timing_from_row


@compiled
def masked_layer(
    masks: Words,
    first_image: int,
    jobs: Ints,
    owners: Ints,
    services: Ints,
    timing: Ints,
    regular: Ints,
    per_sum: Ints,
    layer: int,
    counts: Ints,
    first_tile: int,
    durations: Ints,
) -> None:
    """Run the precise jobs, write-backs and schedules of all tiles of a layer.

    Args:
        masks: uint64 (all images, positions, words), as `tile_jobs` takes them.
        first_image: The first of the images that run; `counts` says how many follow it.
        jobs: int64 (tiles, fields), each tile's `JobShape`.
        owners: int64 (tiles, most rows of a tile), as made by `JobShape.owner_of_row`.
        services: int64 (tiles, services, blocks), as `tile_schedule` takes them.
        timing: int64 (fields,), the machine's `Timing`.
        regular: int64 (counts,), those that are the same for all masks.
        per_sum: int64 (sums, counts), what one of each sum adds to each count: those of `tile_jobs`, then of
            `tile_schedule`.
        layer: The layer's number on the second axis of ``counts``.
        counts: int64 (images, layers, counts); set for this layer.
        first_tile: The number of the layer's first tile on the first axis of ``durations``.
        durations: int64 (tiles of all layers, images), set to the cycles of each tile of this layer.
    """
    images, blocks = counts.shape[0], services.shape[2]
    here = masks[first_image : first_image + images]
    precise, write = np.empty((images, blocks), np.int64), np.empty((images, blocks), np.int64)
    job_sums = np.zeros((images, len(JOB)), np.int64)
    schedule_sums = np.zeros((images, len(SCHEDULE)), np.int64)
    when = timing_from_row(timing)
    for tile in range(jobs.shape[0]):
        shape = shape_from_row(jobs[tile])
        tile_jobs(here, shape, owners[tile, : shape.rows], precise, write, job_sums)
        tile_schedule(services[tile], precise, write, when, durations[first_tile + tile], schedule_sums)
    for image in range(images):
        of_image = counts[image, layer]
        of_image[:] = regular
        _add_multiples(job_sums[image], per_sum[: len(JOB)], of_image)
        _add_multiples(schedule_sums[image], per_sum[len(JOB) :], of_image)


@inlined
def _add_multiples(sums: Ints, per_sum: Ints, counts: Ints) -> None:
    """Add to ``counts`` what each of ``sums`` makes of them."""
    for row in range(per_sum.shape[0]):
        for column in range(counts.shape[0]):
            counts[column] += sums[row] * per_sum[row, column]
