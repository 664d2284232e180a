"""Search beyond grids: Optuna over a sweep's axes, and the Pareto fronts of what was simulated (docs/sweeps.md)."""

from accelsim.search.pareto import DEFAULT_OBJECTIVES, PER, with_fronts
from accelsim.search.run import Search, run_search
from accelsim.search.study import SAMPLERS, Trial

__all__ = ["DEFAULT_OBJECTIVES", "PER", "SAMPLERS", "Search", "Trial", "run_search", "with_fronts"]
