"""How much of a known Pareto front a search finds, and after how many trials, against drawing machines at random.

Runs the whole of ``benchmarks/search.yaml`` once, so that the true front in (latency, energy, area) is known; then searches
it with each sampler and some seeds, all from the same results database, so that nothing is simulated twice. Prints the
share of the true front's hypervolume (what it dominates up to the worst of all points, in logarithms) that is reached,
and how many trials it took to reach it.

    python benchmarks/search.py --trials 50 100 200 400 --seeds 5 --db out/search-benchmark.db
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from accelsim.search import DEFAULT_OBJECTIVES, SAMPLERS, run_search
from accelsim.search.front import non_dominated
from accelsim.store import Store
from accelsim.sweep import load_sweep, open_space
from accelsim.sweep.sweep_plan import plan_sweep
from accelsim.sweep.sweep_run import run_sweep
from accelsim.tables import frame_of, markdown_table

SPEC = Path(__file__).parent / "search.yaml"
FloatTable = np.ndarray[tuple[int, int], np.dtype[np.float64]]


def hypervolume(points: FloatTable, worst: FloatTable) -> float:
    """Volume of what some points (points, 3) dominate, up to `worst` (3,): slices between neighbouring third values."""
    front = points[non_dominated(points)]
    front = front[np.argsort(front[:, 2], kind="stable")]
    volume = 0.0
    for index, height in enumerate(front[:, 2]):
        top = front[index + 1, 2] if index + 1 < len(front) else worst[2]
        volume += _area(front[: index + 1, :2], worst[:2]) * (top - height)
    return volume


def _area(points: FloatTable, worst: FloatTable) -> float:
    """Area of what some points (points, 2) dominate, up to `worst` (2,)."""
    total, lowest = 0.0, worst[1]
    for x, y in points[np.lexsort((points[:, 1], points[:, 0]))]:
        if y < lowest:
            total += (worst[0] - x) * (lowest - y)
            lowest = y
    return total


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python benchmarks/search.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--trials", type=int, nargs="+", default=[50, 100, 200, 400])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--db", default="out/search-benchmark.db")
    arguments = parser.parse_args()
    space = open_space(load_sweep(SPEC))
    with Store.open(arguments.db) as store:
        plan = plan_sweep(space)
        run_sweep(space.spec.file.name, space.spec.text, plan, store)
        rows = [row for row in store.records(space.spec.file.name) if row["error"] is None]
        grid = np.log([[row[name] for name in DEFAULT_OBJECTIVES] for row in rows])
        worst, best = grid.max(axis=0), hypervolume(grid, grid.max(axis=0))
        front = int(non_dominated(grid).sum())
        # What does not run is drawn too, and wasted, as in a search.
        print(f"{len(plan.subjects)} machines, of which {len(rows)} run; {front} on the front.\n")
        table = []
        for sampler in SAMPLERS:
            found = []
            for seed in range(arguments.seeds):
                trials = run_search(
                    space,
                    store,
                    f"{sampler}-{seed}",
                    trials=max(arguments.trials),
                    sampler=sampler,
                    seed=seed,
                    objectives=DEFAULT_OBJECTIVES,
                ).trials
                found.append([trial.values for trial in trials])
            shares = [
                [
                    hypervolume(np.log([each for each in values[:count] if each]), worst) / best
                    for values in found
                ]
                for count in arguments.trials
            ]
            table.append([sampler, *map(cell, shares)])
    draws = np.random.default_rng(0)
    shares = []
    for count in arguments.trials:
        chosen = [draws.permutation(len(plan.subjects))[:count] for _ in range(20 * arguments.seeds)]
        shares.append([hypervolume(grid[each[each < len(rows)]], worst) / best for each in chosen])
    table.append(["random", *map(cell, shares)])
    titles = ["", *(f"{count} trials" for count in arguments.trials)]
    print(markdown_table(frame_of(table, titles), align="l" + "r" * len(arguments.trials)), end="")


def cell(shares: Sequence[float]) -> str:
    """Return the mean share, and the least of all seeds."""
    return f"{np.mean(shares):.3f} ({min(shares):.3f})"


if __name__ == "__main__":
    main()
