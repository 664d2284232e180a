"""How fast the compiled engine is, against the reference engine and against merely counting the bits of the masks.

For some schemes of a trace, each on the shipped machine that is made for it, prints a Markdown table: CPU time per image of
the reference engine; of the compiled engine with one image at a time and with many; and of a compiled loop that reads
the same packed masks from memory and counts their set bits; and how much faster, by the clock, two threads are than one.
All in one run, so that ratios hold.

    python benchmarks/engines.py resnet18-cifar10 --images 1000 --compile

The images are those of the trace, repeated. ``--compile`` adds what the first call costs, without and with a cache on disk.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numba
import numpy as np

from accelsim import LayerTrace, Machine, load_machine
from accelsim.arrays import Words
from accelsim.engine import run_image
from accelsim.engine.compiled import count_images, load_or_compile
from accelsim.engine.compiled.jit import compiled, popcount
from accelsim.inputs import as_trace
from accelsim.mapping import why_not
from accelsim.tables import frame_of, markdown_table

SCHEMES = ("dense", "unstructured-50", "unstructured-87.5", "nm-4of8", "nm-2of8", "nm-1of8")
MADE_FOR = {"dense": "dense", "unstructured": "unstructured", "nm": "structured"}
COLUMNS = (
    "scheme",
    "machine",
    "reference",
    "compiled, 1 image",
    "compiled, many",
    "bits only",
    "reference / 1 image",
    "reference / many",
    "2 threads",
    "many / bits only",
)
REPEATS = 7


@compiled
def count_bits(words: Words) -> int:
    """Set bits of uint64 (images, positions, words)."""
    count = 0
    for word in words.reshape(-1):
        count += popcount(word)
    return count


def seconds(
    work: Callable[[], object], repeats: int = REPEATS, clock: Callable[[], float] = time.thread_time
) -> float:
    """The fastest of some runs: CPU seconds of this thread, which hardly depend on what else the machine does."""
    best = float("inf")
    for _ in range(repeats):
        start = clock()
        work()
        best = min(best, clock() - start)
    return best


def repeated(layer: LayerTrace, images: int) -> LayerTrace:
    """The layer with its images over and over."""
    ids = tuple(range(images))
    if layer.masks is None:
        return replace(layer, image_ids=ids)
    return replace(layer, image_ids=ids, masks=layer.masks[np.arange(images) % layer.images])


def row(layers: Sequence[LayerTrace], machine: Machine, images: int) -> list[str]:
    """Cells of the table: microseconds per image, and ratios."""
    many = [repeated(layer, images) for layer in layers]
    words = [layer.masks.view(np.uint64) for layer in many if layer.masks is not None]
    reference = seconds(lambda: run_image(layers, machine, 0, engine="reference"), 3)
    one = seconds(lambda: run_image(layers, machine, 0, engine="compiled"), 3 * REPEATS)
    bulk = seconds(lambda: count_images(many, machine, range(images)), 3) / images
    one_s, two_s = (
        seconds(partial(count_images, many, machine, range(images), threads=threads), 5, time.perf_counter)
        for threads in (1, 2)
    )
    bare = seconds(lambda: [count_bits(each) for each in words], REPEATS) / images
    assert all(layer.masks is None or layer.shape.n % 64 == 0 for layer in layers), "see `count_bits`"
    return [
        machine.name,
        *(f"{1e6 * each:,.0f}" for each in (reference, one, bulk)),
        f"{1e6 * bare:,.1f}" if words else "",
        f"{reference / one:,.0f}",
        f"{reference / bulk:,.0f}",
        f"{one_s / two_s:.2f}",
        f"{bulk / bare:.1f}" if words else "",
    ]


def first_call(folder: str) -> float:
    """Seconds that a fresh process takes to make the engine ready, with numba's cache in that folder."""
    code = (
        "import time; from accelsim.engine.compiled import load_or_compile; "
        "t = time.perf_counter(); load_or_compile(); print(time.perf_counter() - t)"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": folder}
    return float(
        subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True).stdout
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python benchmarks/engines.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("trace", nargs="?", default="resnet18-cifar10")
    parser.add_argument("--schemes", nargs="+", default=list(SCHEMES))
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()

    trace = as_trace(arguments.trace)
    load_or_compile()
    count_bits(np.zeros((1, 1, 1), np.uint64))
    print(
        f"{trace.network}, {len(trace.layers)} layers; {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, numba {numba.__version__}, NumPy {np.__version__}. "
        "Microseconds of CPU time per image.\n"
    )
    rows = []
    for name in arguments.schemes:
        scheme = trace.scheme(name)
        machine = load_machine(MADE_FOR[scheme.kind])
        assert why_not(scheme, machine) is None
        layers = [trace.layer(info.name, scheme) for info in trace.layers]
        rows.append([scheme.name, *row(layers, machine, arguments.images)])
    print(markdown_table(frame_of(rows, COLUMNS), align="ll" + 8 * "r"), end="")
    print(
        f"\nLargest memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB."
    )
    if arguments.compile:
        with tempfile.TemporaryDirectory() as folder:
            print(
                f"\nFirst call: {first_call(folder):.1f} s to compile, {first_call(folder):.2f} s from the disk."
            )


if __name__ == "__main__":
    main()
