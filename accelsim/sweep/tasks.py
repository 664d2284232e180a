"""Cut a sweep into tasks of about a second, such that what is done at any time is like what is left."""

from __future__ import annotations

from collections.abc import Iterable

from accelsim.image_batches import image_bytes
from accelsim.store import Point, Workload

TASK_SECONDS = 1.0
FIRST_POINTS = 4
"""Points of a task while nothing is known of how long one takes."""

STREAMED_POINTS = 8
"""Points of a task at least, where a workload's masks and spikes do not stay in memory and every task reads them again."""

STREAMED_BYTES = 64 << 20


class Tasks:
    """The points to run, handed out in groups of one workload each.

    Points of a workload come in the order of their identities, which is as good as random, and workloads take turns by
    the share that is left of them: the time left is then told well by the time that the first tenth took.
    """

    def __init__(self, points: Iterable[Point]) -> None:
        by_workload: dict[Workload, list[Point]] = {}
        for point in points:
            by_workload.setdefault(point.workload, []).append(point)
        self._left = {
            workload: sorted(group, key=lambda point: point.id, reverse=True)
            for workload, group in by_workload.items()
        }
        self._total = {workload: len(group) for workload, group in self._left.items()}
        self._seconds: dict[Workload, float] = {}

    def take(self) -> list[Point]:
        """The next task; empty when there is none."""
        left = {
            workload: len(group) / self._total[workload] for workload, group in self._left.items() if group
        }
        if not left:
            return []
        workload = max(left, key=lambda each: left[each])
        group, size = self._left[workload], self._size(workload)
        taken = [group.pop() for _ in range(min(size, len(group)))]
        return taken

    def learn(self, points: list[Point], seconds: float) -> None:
        """Say how long a task took."""
        self._seconds[points[0].workload] = seconds / len(points)

    def _size(self, workload: Workload) -> int:
        known = self._seconds.get(workload) or max(self._seconds.values(), default=0.0)
        size = max(1, round(TASK_SECONDS / known)) if known else FIRST_POINTS
        bits_bytes = len(workload.images) * image_bytes(layer.shape for layer in workload.trace.layers)
        return max(size, STREAMED_POINTS) if bits_bytes > STREAMED_BYTES else size
