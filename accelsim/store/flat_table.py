"""The database as a flat table: a column for every cost, count, field of the machine and axis; filtered and sorted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from accelsim.errors import AccelsimError, suggestion
from accelsim.expressions import Expression
from accelsim.files import check_output_file, replaced
from accelsim.store.database import Store
from accelsim.store.database_tables import COSTS
from accelsim.tables import frame_of, write_csv

Row = dict[str, Any]

SUFFIXES = (".csv", ".parquet")

_NAMED = ("machine", "network", "scheme", "images")
_SHOWN_COSTS = ("latency_us", "energy_pj", "edp_pj_us", "area_mm2", "error")
_MACHINE_FIELDS = ("clock_mhz", "cores", "split")
"""Fields of a machine that are in no section; the others, and axes, have a dot in their names."""

_FIRST = (
    "id",
    "state",
    "error",
    "machine",
    "technology",
    "network",
    "dataset",
    "scheme",
    "kind",
    "noise",
    "images",
)
_LAST = (
    "image_ids",
    "engine",
    "code",
    "trace",
    "trace_sha256",
    "workload_sha256",
    "machine_sha256",
    "technology_sha256",
)


def table(store: Store, sweep: str | None = None) -> list[Row]:
    """Every recorded point as one flat row; all rows have the same columns, None where a point has no such thing."""
    rows = [_row(record) for record in store.records(sweep)]
    columns = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name) for name in columns} for row in rows]


def _row(record: Mapping[str, Any]) -> Row:
    def parsed(name: str) -> dict[str, Any]:
        return json.loads(record[name]) if record[name] is not None else {}

    labels = parsed("labels")
    machine = dict(_leaves(parsed("config")))
    row: Row = {name: record[name] for name in _FIRST if name not in ("machine", "technology")}
    row |= {"machine": labels.pop("machine", None), "technology": labels.pop("technology", None)}
    row |= {name: record[name] for name in COSTS} | parsed("utilization")
    # An axis that `set` overrode says what was asked for; the machine says what ran.
    row |= {name: value for name, value in labels.items() if name not in machine} | machine | parsed("counts")
    row |= {name: record[name] for name in _LAST}
    return {name: row[name] for name in dict.fromkeys((*_FIRST, *row))}


def _leaves(data: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def selected(
    rows: list[Row], where: str | None = None, sort: Sequence[str] = (), columns: Sequence[str] | None = None
) -> list[Row]:
    """The rows for which the expression ``where`` holds, sorted by fields (``-field``: largest first), cut to columns.

    Rows without a value come last. Raises AccelsimError for a name that no row has, or no expression.
    """
    if not rows:
        return []
    if where is not None:
        condition = Expression(where, "where")
        rows = [row for row in rows if condition.holds(_look_up(row))]
        if not rows:
            return []
    for field in reversed(sort):
        name, backwards = field.removeprefix("-"), field.startswith("-")
        _known(name, rows[0], "sort")
        there = [row for row in rows if row[name] is not None]
        gone = [row for row in rows if row[name] is None]
        rows = sorted(there, key=lambda row: _order(row[name]), reverse=backwards) + gone
    for name in columns or ():
        _known(name, rows[0], "columns")
    return rows if columns is None else [{name: row[name] for name in columns} for row in rows]


def telling_fields(rows: Sequence[Row]) -> list[str]:
    """Fields of machines, and axes, in which points differ whose machines have the same name."""
    by_name: dict[Any, list[Row]] = {}
    for row in rows:
        by_name.setdefault(row["machine"], []).append(row)
    fields = [name for name in rows[0] if "." in name or name in _MACHINE_FIELDS] if rows else []
    # What is no machine has none of its fields, and differs in none.
    values = {
        name: [{repr(row[name]) for row in same if row[name] is not None} for same in by_name.values()]
        for name in fields
    }
    return [name for name in fields if any(len(different) > 1 for different in values[name])]


def shown_columns(rows: Sequence[Row]) -> list[str]:
    """What is shown of these rows where no columns are asked for: what tells them apart, and the main costs."""
    costs = (name for name in _SHOWN_COSTS if any(row[name] is not None for row in rows))
    return [*_NAMED, *telling_fields(rows), *costs]


def _look_up(row: Row) -> Any:
    def look_up(path: tuple[str, ...]) -> Any:
        name = ".".join(path)
        if name not in row:
            raise KeyError(list(row))
        return row[name]

    return look_up


def _known(name: str, row: Row, option: str) -> None:
    if name not in row:
        raise AccelsimError(f"{option}: no field {name!r}; {suggestion(name, sorted(row), most=12)}")


def _order(value: Any) -> tuple[bool, Any]:
    # Numbers before texts, so that an axis over both can be sorted at all.
    number = isinstance(value, int | float)
    return not number, value if number else str(value)


def check_table_file(path: str | Path) -> None:
    """Raise AccelsimError, before the work, if `write_table` could not write to `path`."""
    place = Path(path)
    if place.suffix not in SUFFIXES:
        raise AccelsimError(f"{path}: allowed are files that end in {' or '.join(SUFFIXES)}")
    check_output_file(place, regular_only=_is_parquet(place))


def _is_parquet(path: Path) -> bool:
    return path.suffix == ".parquet"


def write_table(rows: Sequence[Row], path: str | Path, columns: Sequence[str] = ()) -> None:
    """Write rows to a CSV or Parquet file, by its suffix, in one step. An empty cell (CSV) or null stands for None.

    ``columns``: their names, where there may be no row to tell them.

    Raises AccelsimError for another suffix, or if the file cannot be written.
    """
    check_table_file(path)
    place = Path(path)
    names = list(rows[0] if rows else columns)
    if not _is_parquet(place):
        write_csv(frame_of(rows, names), place)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with replaced(place, regular_only=True) as temporary:
        _write_parquet(rows, temporary, names)


def _write_parquet(rows: Sequence[Row], path: Path, names: Sequence[str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {}
    for name in names:
        values = [row[name] for row in rows]
        try:
            columns[name] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):  # an axis over numbers and texts
            columns[name] = pa.array([None if value is None else str(value) for value in values])
    pq.write_table(pa.table(columns), path)
