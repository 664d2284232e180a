"""A whole test set on one machine, read from a file: time and peak memory of a process of its own.

    python benchmarks/large_trace.py --images 10000

Writes a trace of so many images, those of a bundled one over and over (minutes, and 250 MB in the temporary folder),
then makes one point of a sweep of it on the machine that ships for the scheme: reading, checking, unpacking, counting.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from accelsim import load_machine, load_technology, open_trace
from accelsim.engine.compiled import load_or_compile
from accelsim.inputs import as_trace
from accelsim.store import Point, Workload
from accelsim.sweep.evaluate_points import evaluate
from accelsim.tables import frame_of, markdown_table
from accelsim.trace import TraceFile, TraceWriter
from accelsim.trace.packed_masks import unpack

MADE_FOR = {"dense": "dense", "unstructured": "unstructured", "nm": "structured"}
WRITTEN_AT_A_TIME = 64


def write_repeated(trace: TraceFile, scheme_name: str, images: int, path: Path) -> None:
    """A trace of the first one's layers under one scheme, its images repeated."""
    scheme = trace.scheme(scheme_name)
    with TraceWriter(path, network=trace.network, dataset="repeated", image_ids=range(images)) as writer:
        for info in trace.layers:
            writer.add_layer(info.name, info.shape, info.approximation)
        writer.add_scheme(scheme)
        for info in trace.layers:
            masks = trace.layer(info.name, scheme).masks
            if masks is None:
                continue
            bits = unpack(masks, info.shape.n)
            for first in range(0, images, WRITTEN_AT_A_TIME):
                here = np.arange(first, min(images, first + WRITTEN_AT_A_TIME))
                writer.write(scheme, info.name, bits[here % len(bits)])


def measure(path: Path, threads: int) -> dict[str, float]:
    """Seconds of one point over all images of a trace of one scheme, and what this process holds at most, in MiB."""
    trace = open_trace(path)
    (scheme,) = trace.schemes
    point = Point(
        load_machine(MADE_FOR[scheme.kind]),
        load_technology(),
        Workload(trace, scheme, range(len(trace.image_ids))),
    )
    load_or_compile()
    wall, cpu = time.perf_counter(), time.process_time()
    (outcome,) = evaluate([point], threads=threads)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert outcome.error is None, outcome.error
    # Of this program alone: `resource` would begin with the peak of the process that started it.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {"wall_s": wall, "cpu_s": cpu, "peak_mib": int(status["VmHWM"].split()[0]) / 1024}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python benchmarks/large_trace.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("trace", nargs="?", default="resnet18-cifar10")
    parser.add_argument("--scheme", default="nm-1of8")
    parser.add_argument("--images", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.threads)))
        return
    trace = as_trace(arguments.trace)
    print(
        f"{trace.network}, {arguments.scheme}, {arguments.threads} threads of {os.cpu_count()} processors\n"
    )
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for images in arguments.images:
            path = Path(folder) / f"{images}.h5"
            write_repeated(trace, arguments.scheme, images, path)
            command = [sys.executable, __file__, "--measure", path, "--threads", str(arguments.threads)]
            found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            megabytes, ms = path.stat().st_size / 1e6, 1e3 * found["cpu_s"] / images
            rows.append([images, megabytes, found["wall_s"], found["cpu_s"], ms, found["peak_mib"]])
            path.unlink()
    formats = {
        "images": ",",
        "file, MB": ",.0f",
        "wall s": ".1f",
        "CPU s": ".1f",
        "CPU ms per image": ".2f",
        "peak MiB": ".0f",
    }
    print(markdown_table(frame_of(rows, list(formats)), formats=formats), end="")


if __name__ == "__main__":
    main()
