"""Simulate points that share a workload: the trace is read once for all of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from accelsim.arrays import Ints
from accelsim.bounded_store import BoundedStore
from accelsim.config import Machine, Technology
from accelsim.counts import COUNT_NAMES, Counts
from accelsim.energy import area, check_clock, energy_terms
from accelsim.engine import ENGINES, run_images
from accelsim.errors import AccelsimError
from accelsim.image_batches import image_batches
from accelsim.interrupt import stop_if_pressed
from accelsim.mapping import check_runs
from accelsim.results.result_rows import cost_columns, utilization_columns
from accelsim.store import Outcome, Point, Workload
from accelsim.store.database_tables import COSTS
from accelsim.trace import LayerTrace, Scheme, TraceFile

KEPT_BATCHES = 4
"""Batches of masks that `Batches` keeps: up to 64 MiB each (`image_batches`)."""


class Batches:
    """The masks and spikes that were read last, kept for the next points of the same workload."""

    def __init__(self, most: int = KEPT_BATCHES) -> None:
        self._kept: BoundedStore[tuple[TraceFile, Scheme, range], tuple[LayerTrace, ...]] = BoundedStore(most)

    def of(self, workload: Workload) -> Iterator[tuple[LayerTrace, ...]]:
        """Yield all layers of a workload with some of its images, until all images have been there."""
        trace, scheme = workload.trace, workload.scheme
        names = [layer.name for layer in trace.layers]
        for images in image_batches(trace, names, workload.images):
            yield self._kept.get((trace, scheme, images), _layers, trace, scheme, images)


def _layers(trace: TraceFile, scheme: Scheme, images: range) -> tuple[LayerTrace, ...]:
    where = slice(images.start, images.stop)
    return tuple(trace.layer(layer.name, scheme, images=where) for layer in trace.layers)


def evaluate(
    points: Sequence[Point], engine: str = ENGINES[0], threads: int = 1, batches: Batches | None = None
) -> Iterator[Outcome]:
    """Simulate points that have the same workload, and yield the outcome of each, in order.

    A point that cannot run gets an outcome with its error, and the others go on.

    Args:
        points: Points, at least one.
        engine: Name of the engine.
        threads: How many threads share the images.
        batches: Where masks are kept for the next call; by default they are not.
    """
    workload = points[0].workload
    sums: list[_Sums | str] = [_fault(point) or _Sums(point) for point in points]
    for layers in (batches or Batches(1)).of(workload):
        for index, point in enumerate(points):
            stop_if_pressed()
            part = sums[index]
            if isinstance(part, str):
                continue
            try:
                check_runs(layers, point.machine)
                part.add(_count(layers, point.machine, engine, threads))
            except AccelsimError as error:
                sums[index] = str(error)
            except (ArithmeticError, LookupError, MemoryError, RuntimeError, TypeError, ValueError) as error:
                # A fault of ours, or of this computer: told with the point, and no reason to lose the others.
                sums[index] = f"{type(error).__name__}: {' '.join(str(error).split())}"
    for point, part in zip(points, sums, strict=True):
        yield Outcome(point.id, part) if isinstance(part, str) else part.outcome(point)


def _fault(point: Point) -> str | None:
    try:
        check_clock(point.machine, point.technology)
        area(point.machine, point.technology)
    except AccelsimError as error:
        return str(error)
    return None


class _Sums:
    """Sums over the images of a point that have run so far."""

    def __init__(self, point: Point) -> None:
        self._machine = point.machine
        self._prices = _prices(point.machine, point.technology)
        self._counts = np.zeros(len(COUNT_NAMES), np.int64)
        self._edp_pj_us: list[float] = []

    def add(self, counts: Ints) -> None:
        """Add the counts of some images: int64 (images, counts)."""
        self._counts += counts.sum(axis=0)
        cycles = counts[:, COUNT_NAMES.index("core_cycles")] // self._machine.cores
        # Not a matrix product, whose rounding may depend on how many threads it uses.
        energy_pj = (counts * self._prices).sum(axis=1)
        self._edp_pj_us += (energy_pj * (cycles / self._machine.clock_mhz)).tolist()

    def outcome(self, point: Point) -> Outcome:
        """Return means per image. EDP is the mean of the images' products, as in `Results.summary`."""
        counts = Counts.of(self._counts.tolist())
        images = len(self._edp_pj_us)
        sums = cost_columns(counts, point.machine, point.technology)
        costs = {name: sums[name] / images for name in COSTS if name in sums}
        costs["edp_pj_us"] = math.fsum(self._edp_pj_us) / images
        costs["area_mm2"] = area(point.machine, point.technology).total_mm2
        return Outcome(point.id, None, costs, utilization_columns(counts, point.machine), counts.as_dict())


def _prices(machine: Machine, technology: Technology) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the pJ of one of each count, in the order of ``COUNT_NAMES``."""
    prices = dict.fromkeys(COUNT_NAMES, 0.0)
    for term in energy_terms(machine, technology):
        for count, pj in term.pj_per_count:
            prices[count] += pj
    return np.array(list(prices.values()))


def _count(layers: Sequence[LayerTrace], machine: Machine, engine: str, threads: int) -> Ints:
    """Return the counts of every image, summed over layers: int64 (images, counts)."""
    images = range(layers[0].images)
    if engine == "compiled":
        from accelsim.engine.compiled import count_images

        counts = count_images(layers, machine, images, threads=threads)
    else:
        counted = run_images(layers, machine, images, engine)
        counts = np.array([[list(layer.as_dict().values()) for layer in image] for image in counted])
    return np.asarray(counts.sum(axis=1), np.int64)
