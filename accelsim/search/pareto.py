"""Which points of a results table are on the Pareto front, among those that may be compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, get_args

from accelsim.errors import AccelsimError, suggestion
from accelsim.search.front import non_dominated
from accelsim.store.schema import COSTS

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_OBJECTIVES = ("latency_us", "energy_pj", "area_mm2")

Per = Literal["noise", "scheme", "all"]
PER: tuple[str, ...] = get_args(Per)

_ALWAYS_APART = ("network", "dataset", "workload_images", "technology_sha256")
_COLUMNS: dict[str, tuple[str, ...]] = {"noise": ("noise",), "scheme": ("noise", "scheme"), "all": ()}


def checked_objectives(names: Sequence[str]) -> tuple[str, ...]:
    """The objectives, all to be small. Raises AccelsimError for a name that is no cost, or one given twice."""
    if not names:
        raise AccelsimError(f"objectives: none; allowed: {', '.join(COSTS)}")
    for name in names:
        if name not in COSTS:
            raise AccelsimError(f"objectives: {name!r}; {suggestion(name, COSTS)}")
        if list(names).count(name) > 1:
            raise AccelsimError(f"objectives: {name} is given twice")
    return tuple(names)


def with_fronts(table: pd.DataFrame, objectives: Sequence[str], per: Per = "noise") -> pd.DataFrame:
    """The rows that ran, with the columns ``front`` (bool) and ``group`` (a number); groups together, in their order.

    table: one row per point, as `accelsim.store` gives them; rows of points that failed are left out. A point competes
    only with points of the same network, images and technology, and of the same degree of noise (``per="noise"``) or
    scheme; ``all`` lets all schemes compete, though less noise costs more and is worth more.
    """
    names = list(checked_objectives(objectives))
    ran = table[table[names].notna().all(axis=1)].copy()
    ran["workload_images"] = ran["image_ids"].astype(str)
    keys = [*_ALWAYS_APART, *_COLUMNS[per]]
    ran["group"] = ran.groupby(keys, sort=True).ngroup()
    ran["front"] = False
    for _, rows in ran.groupby("group"):
        ran.loc[rows.index, "front"] = non_dominated(rows[names].to_numpy(float))
    return ran.drop(columns="workload_images").sort_values("group", kind="stable").reset_index(drop=True)
