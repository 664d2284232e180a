"""The results database: one SQLite file in WAL mode. docs/sweeps.md says why."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from accelsim.config import Machine
from accelsim.config.source import Source
from accelsim.config.validation import validate
from accelsim.errors import AccelsimError, near_file, suggestion
from accelsim.files import readable_file, regular_target
from accelsim.store.database_tables import APPLICATION_ID, COSTS, CREATE, SCHEMA_VERSION
from accelsim.store.point import Outcome, Point, Subject, code_version

BUSY_SECONDS = 30.0
"""How long to wait for another process that is writing."""

_COMPANIONS = ("-wal", "-shm", "-journal")
"""Ends of the names of the files that SQLite opens beside a database, unasked."""

_SIGNATURE = b"SQLite format 3\0"


class Store:
    """An open database. Use as a context manager, or `close` it: closing folds the write-ahead log into the file.

    One process writes at a time, the others wait; any number read meanwhile. A process that is killed loses
    nothing that was committed, and leaves nothing half-written.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """For reading and writing; the file and its folder are made if missing.

        Raises AccelsimError if that cannot be, or if the file is something else.
        """
        place = Path(path)
        regular_target(place)
        _check_kind(place)
        with _told(place, "cannot write"):
            place.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(place, timeout=BUSY_SECONDS, isolation_level=None)
            try:
                store = cls(place, connection)
                if not store._is_blank():
                    store._check_schema()  # before anything is changed: it may be somebody else's
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("PRAGMA foreign_keys = ON")
                with store._transaction():
                    if store._is_blank():
                        store._create()
            except BaseException:
                connection.close()
                raise
        return store

    @classmethod
    def open_to_read(cls, path: str | Path) -> Self:
        """For reading only, also while another process writes, or in a folder that cannot be written.

        Raises AccelsimError if there is no such file, or it is something else.
        """
        place = Path(path)
        if not _check_kind(place):
            made = near_file(place) or f"; accelsim sweep SWEEP.yaml --db {place} makes it"
            raise AccelsimError(f"{place}: no such results database{made}")
        uri = place.resolve().as_uri()
        with _told(place, "cannot read"):
            # Opened to write so that SQLite can tidy up after a writer that was killed; nothing else is written.
            connection = sqlite3.connect(
                f"{uri}?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None
            )
            try:
                connection.execute("PRAGMA query_only = ON")
                connection.execute("SELECT 1 FROM sqlite_master").fetchone()
            except sqlite3.OperationalError:
                # WAL mode wants a file beside the database. Where none can be made, nobody writes either.
                connection.close()
                connection = sqlite3.connect(f"{uri}?immutable=1", uri=True, isolation_level=None)
            store = cls(place, connection)
            store._check_schema()
        return store

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def set_sweep(self, name: str, spec: str, members: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Say what a sweep consists of: (point id, labels), in order. What it consisted of before is forgotten;
        the outcomes of points stay, whichever sweep they belong to.
        """
        rows = [(name, position, point, _json(labels)) for position, (point, labels) in enumerate(members)]
        with _told(self.path, "cannot write"), self._transaction():
            self._connection.execute("DELETE FROM sweeps WHERE name = ?", (name,))
            self._connection.execute("INSERT INTO sweeps VALUES (?, ?)", (name, spec))
            self._connection.executemany("INSERT INTO members VALUES (?, ?, ?, ?)", rows)

    def add_members(self, name: str, members: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Put more points, (point id, labels), at the end of a sweep, unless they are in it; made if missing."""
        with _told(self.path, "cannot write"), self._transaction():
            execute = self._connection.execute
            execute("INSERT OR IGNORE INTO sweeps VALUES (?, '')", (name,))
            # Looked for once, since no index has it.
            query = "SELECT coalesce(max(position) + 1, 0) FROM members WHERE sweep = ?"
            (position,) = execute(query, (name,)).fetchone()
            for point, labels in members:
                row = (name, position, point, _json(labels))
                position += execute("INSERT OR IGNORE INTO members VALUES (?, ?, ?, ?)", row).rowcount

    def sweeps(self) -> list[dict[str, Any]]:
        """Name, members, and how many of them are done and failed, of every sweep."""
        query = """
            SELECT sweeps.name AS name, count(members.point) AS points,
                   count(CASE points.state WHEN 'done' THEN 1 END) AS done,
                   count(CASE points.state WHEN 'failed' THEN 1 END) AS failed
            FROM sweeps LEFT JOIN members ON members.sweep = sweeps.name
                        LEFT JOIN points ON points.id = members.point
            GROUP BY sweeps.name ORDER BY sweeps.name"""
        return list(self._select(query))

    def sweep_files(self) -> dict[str, str]:
        """The text of the sweep file of every sweep or search, by name."""
        return {
            row["name"]: row["spec"] for row in self._select("SELECT name, spec FROM sweeps ORDER BY name")
        }

    def put(self, outcomes: Iterable[tuple[Subject, Outcome]], engine: str) -> None:
        """Record outcomes, all of them or, if the process dies, none.

        One recorded before is replaced, but a result never by a failure: another process, with more memory, may have
        run meanwhile what failed here.
        """
        with _told(self.path, "cannot write"), self._transaction():
            for subject, outcome in outcomes:
                self._put_one(subject, outcome, engine)

    def done(self) -> set[str]:
        """Identities of all points that ran; those that failed are not among them, and so are tried again."""
        return {row["id"] for row in self._select("SELECT id FROM points WHERE state = 'done'")}

    def outcome(self, point: str) -> Outcome | None:
        """What is recorded of the point of that identity; None if nothing is."""
        for row in self._select("SELECT * FROM points WHERE id = ?", (point,)):
            if row["error"] is not None:
                return Outcome(point, row["error"])
            costs = {name: row[name] for name in COSTS}
            return Outcome(point, None, costs, json.loads(row["utilization"]), json.loads(row["counts"]))
        return None

    def records(self, sweep: str | None = None) -> Iterator[dict[str, Any]]:
        """Every recorded point: columns of ``points``, ``config`` of its machine, and ``labels``, as stored.

        Of one sweep in its order, or of all sweeps in order of identity, with the labels of the first sweep by name.
        A point that no sweep has any more (it has the results of an older model, say) is kept, but not among these.
        Raises AccelsimError if there is no such sweep.
        """
        if sweep is not None and not list(self._select("SELECT 1 FROM sweeps WHERE name = ?", (sweep,))):
            near = suggestion(sweep, [row["name"] for row in self.sweeps()])
            raise AccelsimError(f"{self.path}: no sweep {sweep!r}; {near}")
        of_sweep = (
            "members.sweep = :sweep"
            if sweep is not None
            else """members.sweep = (
            SELECT min(other.sweep) FROM members AS other WHERE other.point = points.id)"""
        )
        query = f"""
            SELECT points.*, machines.config AS config, members.labels AS labels
            FROM points JOIN members ON members.point = points.id AND {of_sweep}
                        LEFT JOIN machines ON machines.sha256 = points.machine_sha256
            ORDER BY {"members.position" if sweep is not None else "points.id"}"""
        return self._select(query, {"sweep": sweep} if sweep is not None else ())

    def problems(self) -> tuple[str, ...]:
        """What is damaged, a line each: pages of the file, and machines or technologies that a point refers to."""
        damage = (row["integrity_check"] for row in self._select("PRAGMA integrity_check"))
        said = [f"{self.path}: {' '.join(text.split())}" for text in damage if text != "ok"]
        broken = {row["parent"] for row in self._select("PRAGMA foreign_key_check")}
        return (
            *said,
            *(f"{self.path}: a row refers to a row of {table} that is gone" for table in sorted(broken)),
        )

    def machine_of(self, start: str) -> Machine:
        """The machine of the point whose identity begins with ``start``, named after it.

        Raises AccelsimError if it is not one point, or one without a machine.
        """
        query = """SELECT points.id AS id, points.error AS error, machines.config AS config
                   FROM points LEFT JOIN machines ON machines.sha256 = points.machine_sha256
                   WHERE substr(points.id, 1, length(?1)) = ?1 LIMIT 2"""
        found = list(self._select(query, (start,)))
        if len(found) != 1:
            count = "more than one point" if found else "no point"
            raise AccelsimError(f"{self.path}: {count} whose id begins with {start!r}")
        if found[0]["config"] is None:
            raise AccelsimError(f"{self.path}: point {start} is no machine: {found[0]['error']}")
        data = {"name": f"point-{found[0]['id'][:12]}", **json.loads(found[0]["config"])}
        return validate(Machine, Source(f"{self.path}: point {start}", data, {}))

    def _put_one(self, subject: Subject, outcome: Outcome, engine: str) -> None:
        execute = self._connection.execute
        machine_sha256 = None
        if isinstance(subject, Point):
            machine_sha256 = subject.machine_sha256
            execute(
                "INSERT OR IGNORE INTO machines VALUES (?, ?)",
                (machine_sha256, _json(subject.machine_config)),
            )
        technology, workload = subject.technology, subject.workload
        execute(
            "INSERT OR IGNORE INTO technologies VALUES (?, ?, ?)",
            (technology.sha256, technology.name, _json(technology.as_file())),
        )
        finished = outcome.error is None
        row = {
            "id": outcome.id,
            "state": "done" if finished else "failed",
            "error": outcome.error,
            "machine_sha256": machine_sha256,
            "technology_sha256": technology.sha256,
            "network": workload.trace.network,
            "dataset": workload.trace.dataset,
            "trace": Path(workload.trace.path).name,
            "trace_sha256": workload.trace.sha256,
            "workload_sha256": workload.sha256,
            "scheme": workload.scheme.name,
            "kind": workload.scheme.kind,
            "noise": workload.scheme.noise,
            "images": len(workload.images),
            "image_ids": _json(workload.image_ids),
            "engine": engine,
            "code": code_version(),
            **{name: outcome.costs.get(name) for name in COSTS},
            "utilization": _json(outcome.utilization) if finished else None,
            "counts": _json(outcome.counts) if finished else None,
        }
        marks, replaced = ", ".join("?" * len(row)), ", ".join(f"{name} = excluded.{name}" for name in row)
        execute(
            f"INSERT INTO points ({', '.join(row)}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {replaced} "
            "WHERE excluded.state = 'done' OR points.state = 'failed'",
            tuple(row.values()),
        )

    def _select(self, query: str, arguments: Any = ()) -> Iterator[dict[str, Any]]:
        with _told(self.path, "cannot read"):
            cursor = self._connection.execute(query, arguments)
            names = [column[0] for column in cursor.description]
            for row in cursor:
                yield dict(zip(names, row, strict=True))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _is_blank(self) -> bool:
        # Also what is left of a process that died before it had made the tables.
        return not self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]

    def _create(self) -> None:
        for statement in CREATE.split(";"):
            self._connection.execute(statement)
        self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _check_schema(self) -> None:
        (application,) = self._connection.execute("PRAGMA application_id").fetchone()
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if self._is_blank():
            raise AccelsimError(
                f"{self.path}: empty: no sweep has written to it yet; accelsim sweep --db fills it"
            )
        if application != APPLICATION_ID:
            raise AccelsimError(f"{self.path}: an SQLite file, but not a results database of accelsim")
        if version != SCHEMA_VERSION:
            raise AccelsimError(
                f"{self.path}: a results database of version {version}, but this accelsim uses {SCHEMA_VERSION}: sweep "
                "again into another --db, or read it with the accelsim that wrote it"
            )


def _check_kind(path: Path) -> bool:
    """Refuse what is there and is no SQLite file; whether there is something."""
    with _told(path, "cannot read"):
        if not path.exists():
            return False
        readable_file(path, "results database")
        for suffix in _COMPANIONS:
            readable_file(path.with_name(path.name + suffix), "results database", missing_ok=True)
        with path.open("rb") as file:
            start = file.read(len(_SIGNATURE))
    if start and start != _SIGNATURE:
        raise AccelsimError(f"{path}: not a results database (an SQLite file)")
    return True


def _json(content: Any) -> str:
    return json.dumps(content, separators=(",", ":"), default=dict)


@contextmanager
def _told(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise AccelsimError(f"{path}: {what}: {error}") from None
    except OSError as error:
        raise AccelsimError(f"{path}: {what}: {error.strerror or error}") from None
    except ValueError as error:
        if isinstance(error, AccelsimError):
            raise
        raise AccelsimError(f"{path!r}: not a file name") from None
