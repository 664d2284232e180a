"""All images of a layer with masks in one call: handing over its tiles one by one takes longer than their work."""

from __future__ import annotations

import numpy as np

from accelsim.arrays import Ints, Words
from accelsim.engine.compiled.engine_sums import JOB, SCHEDULE
from accelsim.engine.compiled.jit import compiled
from accelsim.engine.compiled.job_shape import shape_from_row
from accelsim.engine.compiled.precise_jobs import tile_jobs
from accelsim.engine.compiled.tile_schedule import tile_schedule, timing_from_row


@compiled
def masked_layer(
    masks: Words,
    jobs: Ints,
    owners: Ints,
    services: Ints,
    timing: Ints,
    per_job_sum: Ints,
    schedule_columns: Ints,
    counts: Ints,
    durations: Ints,
) -> None:
    """Run the precise jobs, write-backs and schedules of all tiles of a layer.

    Args:
        masks: uint64 (images, positions, words), as `tile_jobs` takes them.
        jobs: int64 (tiles, fields), each tile's `JobShape`.
        owners: int64 (tiles, most rows of a tile), as made by `JobShape.owner_of_row`.
        services: int64 (tiles, services, blocks), as `tile_schedule` takes them.
        timing: int64 (fields,), the machine's `Timing`.
        per_job_sum: int64 (sums, counts), what one of each sum of `tile_jobs` adds to each count.
        schedule_columns: int64 (sums,), the count that each sum of `tile_schedule` is.
        counts: int64 (images, counts); added to.
        durations: int64 (tiles, images), set to the cycles of each tile.
    """
    images, blocks = masks.shape[0], services.shape[2]
    precise, write = np.empty((images, blocks), np.int64), np.empty((images, blocks), np.int64)
    job_sums = np.zeros((images, len(JOB)), np.int64)
    schedule_sums = np.zeros((images, len(SCHEDULE)), np.int64)
    when = timing_from_row(timing)
    for tile in range(jobs.shape[0]):
        shape = shape_from_row(jobs[tile])
        tile_jobs(masks, shape, owners[tile, : shape.rows], precise, write, job_sums)
        tile_schedule(services[tile], precise, write, when, durations[tile], schedule_sums)
    for image in range(images):
        for row in range(len(JOB)):
            for column in range(counts.shape[1]):
                counts[image, column] += job_sums[image, row] * per_job_sum[row, column]
        for row in range(len(SCHEDULE)):
            counts[image, schedule_columns[row]] += schedule_sums[image, row]
