"""The tables of the results database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from accelsim.energy import GROUPS
from accelsim.errors import AccelsimError

APPLICATION_ID = 0x61637331
"""Marks an SQLite file as ours ("acs1")."""

SCHEMA_VERSION = 3

UNCHECKED_VERSION, UNCOUNTED_VERSION = 1, 2
"""The schemas before rows had a checksum, and before there was a ledger. Both are read as they are, and migrated when a
sweep writes to them."""

LACKS = {UNCHECKED_VERSION: "written before checksums", UNCOUNTED_VERSION: "written before rows were counted"}
"""What to say of an older version."""

TABLES = ("machines", "technologies", "points", "sweeps", "members")
LEDGER = "ledger"

COSTS = (
    "latency_cycles",
    "latency_us",
    "energy_pj",
    *(f"{group}_pj" for group in GROUPS),
    "edp_pj_us",
    "area_mm2",
)
"""Columns of a finished point's costs: means per image, and the machine's area."""

_COST_COLUMNS = "\n".join(f"    {name} REAL," for name in COSTS)

CHECKSUM = "checksum TEXT NOT NULL DEFAULT ''"
"""Last column of every table: `row_checksum` of the others; empty only until the transaction that wrote the row ends."""

_CHECKSUM = f"    {CHECKSUM}"

CREATE_LEDGER = f"""CREATE TABLE {LEDGER} (
    name TEXT PRIMARY KEY,          -- one of the tables above
    row_count INTEGER NOT NULL,
    digest TEXT NOT NULL,           -- sum of hashes of its rows' checksums
{_CHECKSUM}
)"""

CREATE = f"""
CREATE TABLE machines (
    sha256 TEXT PRIMARY KEY,
    config TEXT NOT NULL,           -- JSON, resolved, less name and description
{_CHECKSUM}
);
CREATE TABLE technologies (
    sha256 TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    content TEXT NOT NULL,          -- JSON of the technology file as used
{_CHECKSUM}
);
CREATE TABLE points (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('done', 'failed')),
    error TEXT CHECK ((error IS NULL) = (state = 'done')),
    machine_sha256 TEXT REFERENCES machines (sha256),   -- NULL: the settings are no machine
    technology_sha256 TEXT NOT NULL REFERENCES technologies (sha256),
    network TEXT NOT NULL,
    dataset TEXT NOT NULL,
    trace TEXT NOT NULL,            -- file name
    trace_sha256 TEXT NOT NULL,
    workload_sha256 TEXT NOT NULL,  -- layers, scheme, images and their blocks of masks and spikes
    scheme TEXT NOT NULL,
    kind TEXT NOT NULL,
    noise REAL NOT NULL,
    images INTEGER NOT NULL,
    image_ids TEXT NOT NULL,        -- JSON
    engine TEXT NOT NULL,
    code TEXT NOT NULL,             -- versions of the package and the model that made it
{_COST_COLUMNS}
    utilization TEXT,               -- JSON
    counts TEXT,                    -- JSON, exact sums over layers and images
{_CHECKSUM}
);
CREATE TABLE sweeps (
    name TEXT PRIMARY KEY,
    spec TEXT NOT NULL,             -- the sweep file's text
{_CHECKSUM}
);
CREATE TABLE members (
    sweep TEXT NOT NULL REFERENCES sweeps (name) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    point TEXT NOT NULL,            -- points.id, once it has run
    labels TEXT NOT NULL,           -- JSON: names and axis values in this sweep
{_CHECKSUM},
    PRIMARY KEY (sweep, point)
) WITHOUT ROWID;
CREATE INDEX members_of_point ON members (point);
{CREATE_LEDGER}
"""


def read_columns(path: Path, connection: sqlite3.Connection, version: int) -> dict[str, list[str]]:
    """Return the columns of every table, the ledger's among them if this version has one.

    Raises:
        AccelsimError: If they are not those that a database of this version has.
    """
    columns = {}
    with closing(sqlite3.connect(":memory:")) as expected:
        expected.executescript(CREATE)
        for table in (*TABLES, LEDGER):
            query = f"PRAGMA table_info({table})"
            there, ours = (list(each.execute(query)) for each in (connection, expected))
            names = [row[1] for row in there]
            # A flipped bit of the version must not switch checks off.
            if table == LEDGER and version < SCHEMA_VERSION:
                if names:
                    raise AccelsimError(
                        f"{path}: damaged: it says version {version}, but has a table {LEDGER}"
                    )
                continue
            if version == UNCHECKED_VERSION:
                if "checksum" in names:
                    raise AccelsimError(
                        f"{path}: damaged: it says version {version}, but {table} has checksums"
                    )
            elif there != ours:
                raise AccelsimError(f"{path}: damaged: its table {table} has not the columns it should")
            if missing := {row[1] for row in ours} - {*names, "checksum"}:
                raise AccelsimError(f"{path}: damaged: table {table} has no column {min(missing)}")
            columns[table] = names
    return columns
