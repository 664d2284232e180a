"""Making the tables of a results database, and bringing those of older versions to this one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from accelsim.errors import AccelsimError
from accelsim.store.database_tables import (
    APPLICATION_ID,
    CHECKSUM,
    CREATE,
    CREATE_LEDGER,
    LACKS,
    SCHEMA_VERSION,
    TABLES,
    UNCHECKED_VERSION,
)
from accelsim.store.ledger import create_ledger
from accelsim.store.row_checksum import seal_rows


def version_of(connection: sqlite3.Connection) -> int:
    """Return the version that a database says it has."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def is_blank(connection: sqlite3.Connection) -> bool:
    """Return whether there are no tables, as after a process that died before it had made them."""
    return not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]


def check_version(path: Path, connection: sqlite3.Connection) -> None:
    """Check that a database is one of ours, and of a version that can be read.

    Raises:
        AccelsimError: If it is not.
    """
    if is_blank(connection):
        raise AccelsimError(f"{path}: empty: no sweep has written to it yet; accelsim sweep --db fills it")
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID:
        raise AccelsimError(f"{path}: an SQLite file, but not a results database of accelsim")
    version = version_of(connection)
    if version not in (*LACKS, SCHEMA_VERSION):
        raise AccelsimError(
            f"{path}: a results database of version {version}, but this accelsim uses {SCHEMA_VERSION}: sweep "
            "again into another --db, or read it with the accelsim that wrote it"
        )


def create_tables(connection: sqlite3.Connection) -> None:
    """Make the tables of a blank database."""
    for statement in CREATE.split(";"):
        connection.execute(statement)
    create_ledger(connection)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def refuse_damaged(problems: Iterable[str]) -> None:
    """Refuse to migrate a damaged database, since the checksums made of it would hide the damage.

    Raises:
        AccelsimError: With the first of the problems, if there is any.
    """
    for problem in problems:
        raise AccelsimError(
            f"{problem}; a sweep writes to no damaged database of an older version: restore it from a copy, or give "
            "another --db"
        )


def migrate(connection: sqlite3.Connection, columns: Mapping[str, Sequence[str]]) -> None:
    """Bring the tables of an older version to this one.

    Args:
        connection: In a transaction.
        columns: The columns of every table as they are.
    """
    if version_of(connection) == UNCHECKED_VERSION:
        for table in TABLES:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {CHECKSUM}")
            seal_rows(connection, table, [*columns[table], "checksum"], "true", ())
    connection.execute(CREATE_LEDGER)
    create_ledger(connection)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
