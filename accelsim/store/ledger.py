"""The ledger of a results database: how many rows each table holds, and a digest of all of them.

The checksum of a row shows that somebody changed the row. Only the ledger shows that somebody deleted or inserted rows.
Temporary triggers, which exist on our own writing connections alone, note every change of a row; `Ledger.settle` enters
the changes in the transaction that made them.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from accelsim.errors import AccelsimError
from accelsim.store.database_tables import LEDGER, TABLES
from accelsim.store.row_checksum import check_row, row_checksum

_MODULUS = 2**128

# Checksums go to Python as bytes: CPython's sqlite3 loses the error of a text argument that is not UTF-8, and fails later.
_OLD, _NEW = "CAST(old.checksum AS BLOB)", "CAST(new.checksum AS BLOB)"

_TRIGGERS = f"""
CREATE TEMP TRIGGER added_{{table}} AFTER INSERT ON main.{{table}} BEGIN SELECT note_row('{{table}}', 1, {_NEW}); END;
CREATE TEMP TRIGGER deleted_{{table}} AFTER DELETE ON main.{{table}} BEGIN SELECT note_row('{{table}}', -1, {_OLD}); END;
CREATE TEMP TRIGGER changed_{{table}} AFTER UPDATE ON main.{{table}} BEGIN
    SELECT note_row('{{table}}', -1, {_OLD}), note_row('{{table}}', 1, {_NEW});
END;
"""

_COLUMNS = ("name", "row_count", "digest", "checksum")

_COUNT = "SELECT count(*) AS rows, coalesce(digest_of(CAST(checksum AS BLOB)), '{:032x}') AS digest FROM {}"

_COMPARE = " UNION ALL ".join(
    f"SELECT '{table}' AS counted, there.rows AS rows, there.digest AS rows_digest, {LEDGER}.* "
    f"FROM ({_COUNT.format(0, table)}) AS there "
    f"LEFT JOIN {LEDGER} ON {LEDGER}.name = '{table}'"
    for table in TABLES
)
"""One statement, so that it sees one state of the database while another process writes."""


class _Digest:
    """Aggregate function of SQL: the sum of its values' hashes, which no order of the rows changes."""

    def __init__(self) -> None:
        self._sum = 0

    def step(self, checksum: Any) -> None:
        self._sum += _term(checksum)

    def finalize(self) -> str:
        return _hex(self._sum)


def _term(checksum: Any) -> int:
    return int(row_checksum(checksum), 16)


def _hex(total: int) -> str:
    return f"{total % _MODULUS:032x}"


def add_digest_function(connection: sqlite3.Connection) -> None:
    """Make the aggregate function ``digest_of`` known to a connection."""
    connection.create_aggregate("digest_of", 1, _Digest)  # type: ignore[arg-type]  # its finalize gives an int there


def create_ledger(connection: sqlite3.Connection) -> None:
    """Fill the empty ledger with what the tables hold now."""
    for table in TABLES:
        connection.execute(
            f"INSERT INTO {LEDGER} VALUES (?1, ?2, ?3, row_checksum('{LEDGER}', ?1, ?2, ?3))",
            (table, *connection.execute(_COUNT.format(0, table)).fetchone()),
        )


def ledger_problems(path: Path, connection: sqlite3.Connection) -> Iterator[str]:
    """Yield a line for every table whose rows are not those that accelsim wrote."""
    cursor = connection.execute(_COMPARE)
    names = [column[0] for column in cursor.description]
    for values in cursor.fetchall():
        row = dict(zip(names, values, strict=True))
        table = row["counted"]
        if row["name"] is None:
            yield f"{path}: {LEDGER}: its row of {table} is gone"
            continue
        try:
            check_row(path, LEDGER, {name: row[name] for name in _COLUMNS})
        except AccelsimError as error:
            yield str(error)
            continue
        if row["rows"] != row["row_count"]:
            yield (
                f"{path}: {table}: holds {row['rows']} rows, accelsim wrote {row['row_count']}: something else deleted or "
                "inserted rows"
            )
        elif row["rows_digest"] != row["digest"]:
            yield f"{path}: {table}: its rows are not those that accelsim wrote"


class Ledger:
    """The changes of a connection's transaction, and their entry into the database."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path, self._connection = path, connection
        self._rows: Counter[str] = Counter()
        self._sums: Counter[str] = Counter()

    def watch(self) -> None:
        """From now on note every change that this connection makes."""
        self._connection.create_function("note_row", 3, self._note)
        for table in TABLES:
            self._connection.executescript(_TRIGGERS.format(table=table))

    @contextmanager
    def settled(self) -> Iterator[None]:
        """Enter what is noted at the end; forget it if the transaction fails.

        Raises:
            AccelsimError: If the ledger itself is damaged.
        """
        try:
            yield
            self._enter()
        finally:
            self._rows.clear()
            self._sums.clear()

    def _note(self, table: str, sign: int, checksum: Any) -> None:
        self._rows[table] += sign
        self._sums[table] += sign * _term(checksum)

    def _enter(self) -> None:
        for table, change in self._sums.items():
            if not change:
                continue
            row = self._row_of(table)
            entry = (row["row_count"] + self._rows[table], _hex(int(row["digest"], 16) + change))
            self._connection.execute(
                f"UPDATE {LEDGER} SET row_count = ?2, digest = ?3, checksum = row_checksum('{LEDGER}', ?1, ?2, ?3) "
                "WHERE name = ?1",
                (table, *entry),
            )

    def _row_of(self, table: str) -> Mapping[str, Any]:
        query = f"SELECT {', '.join(_COLUMNS)} FROM {LEDGER} WHERE name = ?"
        values = self._connection.execute(query, (table,)).fetchone()
        if values is None:
            raise AccelsimError(f"{self._path}: {LEDGER}: its row of {table} is gone")
        row = dict(zip(_COLUMNS, values, strict=True))
        check_row(self._path, LEDGER, row)
        return row
