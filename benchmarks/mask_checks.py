"""What it costs to check masks against their scheme, as a share of the time to simulate them.

    python -m benchmarks.mask_checks [TRACE [IMAGES]]

For every scheme of the trace: milliseconds to read its masks, to check them, and to simulate them with the compiled
engine on the machine made for them, its plan already made. A run reads, checks and simulates; the share is of that whole.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TypeVar

from accelsim.config import load_machine
from accelsim.engine import run_images
from accelsim.inputs import as_trace
from accelsim.trace import LayerTrace, Scheme, TraceFile
from accelsim.trace.packed_masks import check_packed

Result = TypeVar("Result")
MACHINES = {"threshold": "unstructured", "nm": "structured"}
LIMIT_PERCENT = 5.0
REPEATS = 5


def fastest(work: Callable[[], Result]) -> tuple[float, Result]:
    """Return the least seconds of several calls, and the last result."""
    best, result = float("inf"), None
    for _ in range(REPEATS):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    assert result is not None
    return best, result


def measure(trace: TraceFile, scheme: Scheme, images: int) -> tuple[float, float, float]:
    """Return the seconds of a run of some images under a scheme: in all, of reading, and of checking."""
    machine = load_machine(MACHINES[scheme.selector_kind or "nm"])

    def read() -> list[LayerTrace]:
        return [trace.layer(layer.name, scheme, images=slice(0, images)) for layer in trace.layers]

    reading, layers = fastest(read)
    masks = [(layer.masks, layer.shape) for layer in layers if layer.masks is not None]

    def check() -> bool:
        for packed, shape in masks:
            check_packed(packed, shape, scheme, "")
        return True

    checking, _ = fastest(check)
    simulating, _ = fastest(lambda: list(run_images(layers, machine, range(images))))
    return reading + simulating, reading, checking


def main() -> int:
    """Print the table; return 1 if a share is above the limit."""
    trace = as_trace(sys.argv[1] if len(sys.argv) > 1 else "resnet18-cifar10")
    images = int(sys.argv[2]) if len(sys.argv) > 2 else len(trace.image_ids)
    print(f"{'scheme':28} {'run ms':>9} {'read ms':>9} {'check ms':>9} {'check %':>8}")
    worst = 0.0
    for scheme in trace.schemes:
        if scheme.is_dense:
            continue
        run, reading, checking = measure(trace, scheme, images)
        share = 100 * checking / run
        worst = max(worst, share)
        print(f"{scheme.name:28} {1e3 * run:9.1f} {1e3 * reading:9.1f} {1e3 * checking:9.2f} {share:8.2f}")
    print(f"largest share: {worst:.2f} % (limit {LIMIT_PERCENT:g} %)")
    return int(worst > LIMIT_PERCENT)


if __name__ == "__main__":
    sys.exit(main())
