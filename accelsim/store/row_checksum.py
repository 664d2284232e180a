"""The checksum of a stored row, and what a row must hold before anything relies on it."""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accelsim.energy import GROUPS
from accelsim.errors import AccelsimError
from accelsim.store.database_tables import COSTS
from accelsim.store.point import ID_CHARACTERS, content_hash

_CHECKSUM_BYTES = 16

_ROUNDING = 1e-9
"""How far the sum of a point's groups of energy may be from its energy, as a share."""

_OBJECTS = {"machines": ("config",), "technologies": ("content",), "members": ("labels",)}
"""Columns of JSON objects; those of points are checked with their types."""

_TEXTS = (
    "id", "state", "technology_sha256", "network", "dataset", "trace", "trace_sha256", "workload_sha256", "scheme", "kind",
    "image_ids", "engine", "code",
)  # fmt: skip
_OPTIONAL_TEXTS = ("error", "machine_sha256")
_NUMBERS_OF = {"utilization": (int, float), "counts": (int,)}


def row_checksum(*values: str | int | float | bytes | None) -> str:
    """Return the hex BLAKE2b of a row's values, their types included, as SQLite gives them back."""
    return hashlib.blake2b(
        repr(values).encode("utf-8", "backslashreplace"), digest_size=_CHECKSUM_BYTES
    ).hexdigest()


def seal_rows(
    connection: sqlite3.Connection, table: str, columns: Sequence[str], where: str, arguments: Sequence[Any]
) -> None:
    """Give the new rows of a table their checksums, from the values as SQLite has stored them.

    Args:
        connection: One that knows ``row_checksum`` as a function of SQL.
        table: The table.
        columns: Its columns, the checksum last.
        where: A condition of SQL that all new rows meet.
        arguments: The condition's parameters.
    """
    connection.execute(
        f"UPDATE {table} SET checksum = row_checksum('{table}', {', '.join(columns[:-1])}) "
        f"WHERE checksum = '' AND {where}",
        arguments,
    )


def parsed_object(text: Any, column: str) -> dict[str, Any]:
    """Return the JSON object in a cell.

    Raises:
        AccelsimError: If the cell holds something else.
    """
    try:
        content = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        raise AccelsimError(f"{column}: not JSON") from None
    if not isinstance(content, dict):
        raise AccelsimError(f"{column}: not a JSON object")
    return content


def check_point(row: Mapping[str, Any]) -> None:
    """Check a row of ``points`` that has no checksum: its types, and what one column says of others.

    Raises:
        AccelsimError: With the first column that holds something else than a sweep writes.
    """
    _check_types(row)
    if row["machine_sha256"] is not None and not row["id"] == _identity(row):
        raise AccelsimError(
            f"id: {row['id']:.40} is not the hash of its machine, technology, workload and model"
        )
    try:
        image_ids = json.loads(row["image_ids"])
    except (ValueError, RecursionError):
        image_ids = None
    if not isinstance(image_ids, list) or len(image_ids) != row["images"]:
        raise AccelsimError(f"image_ids: not a list of {row['images']} images")
    total = sum(row[f"{group}_pj"] for group in GROUPS) if row["error"] is None else None
    if total is not None and not math.isclose(total, row["energy_pj"], rel_tol=_ROUNDING):
        raise AccelsimError(
            f"energy_pj: {row['energy_pj']!r:.40} is not the sum of its groups, {total!r:.40}"
        )


def _identity(row: Mapping[str, Any]) -> str:
    """Return the id that a point's other columns lead to; `Point.id` made it, before model versions of its code."""
    content = {
        "machine": row["machine_sha256"],
        "technology": row["technology_sha256"],
        "workload": row["workload_sha256"],
    }
    _, _, model = row["code"].partition("+model.")
    made = {"model": int(model)} if model.isdecimal() else {"code": row["code"]}
    return content_hash(content | made)[:ID_CHARACTERS]


def _check_types(row: Mapping[str, Any]) -> None:
    for names, allowed in (
        (_TEXTS, (str,)),
        (_OPTIONAL_TEXTS, (str, type(None))),
        (("noise",), (int, float)),
    ):
        for name in names:
            if not isinstance(row[name], allowed):
                raise AccelsimError(f"{name}: {row[name]!r:.40}")
    if not isinstance(row["images"], int):
        raise AccelsimError(f"images: {row['images']!r:.40}")
    finished = row["error"] is None
    if row["state"] != ("done" if finished else "failed"):
        raise AccelsimError(f"state: {row['state']!r:.40}")
    for name in COSTS:
        if not isinstance(row[name], float if finished else type(None)):
            raise AccelsimError(f"{name}: {row[name]!r:.40}")
    for name, kinds in _NUMBERS_OF.items():
        if not finished:
            continue
        for key, value in parsed_object(row[name], name).items():
            if not isinstance(value, kinds) or isinstance(value, bool):
                raise AccelsimError(f"{name}: {key}: {value!r:.40}")


def check_row(path: Path, table: str, row: Mapping[str, Any]) -> None:
    """Check a row's checksum, or, where rows have none yet, all that can be seen of what it holds.

    Raises:
        AccelsimError: If the row is damaged.
    """
    name = f"{path}: {table}, row {next(iter(row.values()))!r:.40}"
    if "checksum" in row:
        if row["checksum"] != row_checksum(table, *list(row.values())[:-1]):
            raise AccelsimError(f"{name}: damaged or changed since it was written (its checksum is wrong)")
        return
    try:
        if table == "points":
            check_point(row)
        for column in _OBJECTS.get(table, ()):
            content = parsed_object(row[column], column)
            if table == "machines" and content_hash(content) != row["sha256"]:
                raise AccelsimError(f"{column}: its hash is not the row's")
    except AccelsimError as error:
        raise AccelsimError(f"{name}: not what a sweep writes: {error}") from None
