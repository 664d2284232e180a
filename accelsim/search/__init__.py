"""Search beyond grids: Optuna over a sweep's axes, and the Pareto fronts of what was simulated (docs/sweeps.md)."""

from accelsim.search.optuna_search import SAMPLERS, Trial
from accelsim.search.pareto import DEFAULT_OBJECTIVES, PER, with_fronts
from accelsim.search.search_run import Search, run_search

__all__ = ["DEFAULT_OBJECTIVES", "PER", "SAMPLERS", "Search", "Trial", "run_search", "with_fronts"]
