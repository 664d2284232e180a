"""Which points of a results table are on the Pareto front, among those that may be compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal, get_args

from accelsim.errors import AccelsimError, suggestion
from accelsim.search.front import non_dominated
from accelsim.store.database_tables import COSTS
from accelsim.store.flat_table import Row

DEFAULT_OBJECTIVES = ("latency_us", "energy_pj", "area_mm2")

Per = Literal["noise", "scheme", "all"]
PER: tuple[str, ...] = get_args(Per)

_ALWAYS_APART = ("network", "dataset", "image_ids", "technology_sha256")
_APART: dict[str, tuple[str, ...]] = {"noise": ("noise",), "scheme": ("noise", "scheme"), "all": ()}


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


def with_fronts(rows: Sequence[Row], objectives: Sequence[str], per: Per = "noise") -> list[Row]:
    """The rows that ran, each with ``group`` (a number from 0) and ``front`` (true or false); groups together.

    rows: as `accelsim.store.flat_table.table` gives them; points that failed are left out. A point competes only with points
    of the same network, images and technology, and of the same degree of noise (``per="noise"``) or scheme; ``all`` lets
    all schemes compete, though less noise costs more and is worth more.
    """
    names = checked_objectives(objectives)
    groups: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if row["state"] == "done":
            groups[tuple(row[name] for name in (*_ALWAYS_APART, *_APART[per]))].append(row)
    marked = []
    for number, key in enumerate(sorted(groups, key=repr)):
        competing = groups[key]
        fronts = non_dominated([[row[name] for name in names] for row in competing])
        marked += [
            {"group": number, "front": bool(front), **row}
            for row, front in zip(competing, fronts, strict=True)
        ]
    return marked
