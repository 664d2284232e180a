"""Databases as earlier versions of accelsim wrote them, and all that can be read from one."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any

from accelsim.store import Store
from accelsim.store.database_tables import APPLICATION_ID, CREATE, TABLES
from accelsim.store.flat_table import table

Everything = tuple[list[dict[str, Any]], dict[str, str], list[dict[str, Any]]]


def everything(path: Path) -> Everything:
    with Store.open_to_read(path) as store:
        return table(store, "mine"), store.sweep_files(), store.sweeps()


_UNCHECKED = re.sub(r",(?= *--)(?=[^\n]*\n *checksum [^\n]*\n\))", "", CREATE)
_UNCHECKED = re.sub(r"\n *checksum [^\n]*", "", _UNCHECKED)


def without_checksums(path: Path) -> None:
    """Make of it what accelsim wrote before rows had checksums."""
    old = path.with_name("old.db")
    connection = sqlite3.connect(old, isolation_level=None)
    connection.executescript(f"{_UNCHECKED}; DROP TABLE ledger;")
    connection.execute("ATTACH ? AS new", (str(path),))
    for name in TABLES:
        columns = ", ".join(row[1] for row in connection.execute(f"PRAGMA main.table_info({name})"))
        connection.execute(f"INSERT INTO main.{name} SELECT {columns} FROM new.{name}")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    old.replace(path)


def without_ledger(path: Path) -> None:
    """Make of it what accelsim wrote when rows had checksums and nobody counted them."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DROP TABLE ledger")
    connection.execute("PRAGMA user_version = 2")
    connection.close()
