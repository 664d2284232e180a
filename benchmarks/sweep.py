"""How long a sweep takes: many machines, a few images, one scheme; and the same with a loop over ``simulate``.

    python benchmarks/sweep.py

Prints a Markdown row, and how well the time that was left was told along the way.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from accelsim import simulate
from accelsim.store import Point, Store
from accelsim.sweep import load_sweep, open_space
from accelsim.sweep.cluster import dask_executor
from accelsim.sweep.sweep_plan import plan_sweep
from accelsim.sweep.sweep_run import Executor, Progress, prepare, run_here, run_sweep
from accelsim.tables import frame_of, markdown_table

SWEEP = """
format: accelsim-sweep/1
name: benchmark
machines: [structured]
traces: [resnet18-cifar10]
schemes: [nm-1of8]
images: ["0:8"]
axes:
  mvu.vpus: {{from: 1, to: {vpus}, step: 1}}
  mvu.position_block: [1, 2]
  mvu.hold_weights: [true, false]
  sequencer.lookahead: {{from: 0, to: 4, step: 1}}
  sequencer.mvu_order: [approximate_first, precise_first]
"""
MACHINES_PER_VPUS = 40
TOLD_AT = (0.1, 0.25, 0.5)


def executor_of(workers: int | None) -> AbstractContextManager[Executor]:
    """In this process, or on Dask workers."""
    return nullcontext(run_here) if workers is None else dask_executor(workers, None)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python benchmarks/sweep.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--machines", type=int, default=1000)
    parser.add_argument("--loop", type=int, default=20, help="machines of the loop over simulate")
    parser.add_argument("--workers", type=int, help="on so many Dask processes instead of in this one")
    arguments = parser.parse_args()
    prepare("compiled")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "benchmark.yaml"
        path.write_text(SWEEP.format(vpus=-(-arguments.machines // MACHINES_PER_VPUS)))
        start = time.perf_counter()
        space = open_space(load_sweep(path))
        plan = plan_sweep(space)
        planned = time.perf_counter() - start
        told: dict[float, float] = {}

        def report(now: Progress) -> None:
            seconds_left = now.seconds_left(time.monotonic())
            for share in TOLD_AT:
                if share not in told and now.done >= share * now.total and seconds_left is not None:
                    told[share] = time.monotonic() - now.started + seconds_left

        with Store.open(Path(folder) / "benchmark.db") as store:
            with executor_of(arguments.workers) as executor:
                done = run_sweep("benchmark", "", plan, store, executor=executor, report=report)
            ran = time.monotonic() - done.started
        points = [subject for subject in plan.subjects.values() if isinstance(subject, Point)]
        every = max(1, len(points) // arguments.loop)
        start = time.perf_counter()
        for point in (sample := points[::every]):
            simulate(point.workload.trace, point.machine, schemes=["nm-1of8"])
        loop = (time.perf_counter() - start) / len(sample)
    each = (planned + ran) / len(points)
    here = "in one process" if arguments.workers is None else f"on {arguments.workers} workers"
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; {here}\n")
    row = {
        "machines": len(points),
        "s": planned + ran,
        "planning s": planned,
        "ms each": 1e3 * each,
        "loop over `simulate`, ms each": 1e3 * loop,
        "ratio": loop / each,
    }
    print(markdown_table(frame_of([row]), formats=dict.fromkeys(list(row)[1:], ".1f")))
    for share, total in told.items():
        print(f"At {share:.0%} done the whole run was told to take {total:.1f} s; it took {ran:.1f} s.")


if __name__ == "__main__":
    main()
