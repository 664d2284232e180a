"""Cut the images of a trace into batches whose masks and spikes are together in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from accelsim.trace import LayerShape, TraceFile

BATCH_BYTES, BATCH_IMAGES = 64 << 20, 1024
"""Most of a batch: packed masks and spikes of all layers (but one image at least), and images."""


def image_batches(trace: TraceFile, names: Sequence[str], indices: range) -> Iterator[range]:
    """Cut the images into runs whose masks and spikes are together in memory."""
    step_bytes = image_bytes(trace.layer_info(name).shape for name in names) * abs(indices.step)
    size = min(max(1, BATCH_BYTES // step_bytes), BATCH_IMAGES)
    return (indices[first : first + size] for first in range(0, len(indices), size))


def image_bytes(shapes: Iterable[LayerShape]) -> int:
    """Bytes of one image's masks and spikes, packed, of layers of these shapes."""
    return sum(shape.image_bytes for shape in shapes)
