"""The checksum of a stored row, and what a row must hold before anything relies on it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accelsim.errors import AccelsimError
from accelsim.store.database_tables import COSTS

_CHECKSUM_BYTES = 16

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
    """Check the types of a row of ``points``: one without a checksum may hold anything, since SQLite enforces none.

    Raises:
        AccelsimError: With the first column that holds something else than a sweep writes.
    """
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
    """Check a row's checksum, or, where rows have none yet, the types of what it holds.

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
            parsed_object(row[column], column)
    except AccelsimError as error:
        raise AccelsimError(f"{name}: not what a sweep writes: {error}") from None
