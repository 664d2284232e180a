"""The results database: one SQLite file in WAL mode. docs/sweeps.md says why."""

from __future__ import annotations

import json
import sqlite3
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from accelsim.config import Machine
from accelsim.config.source import Source
from accelsim.config.validation import validate
from accelsim.errors import AccelsimError, near_file, suggestion
from accelsim.files import regular_target
from accelsim.store.database_file import check_kind, connect_to_read, connect_to_write, log_of, told
from accelsim.store.database_tables import COSTS, LACKS, TABLES, read_columns
from accelsim.store.ledger import Ledger, ledger_problems
from accelsim.store.point import Outcome, Point, Subject, code_version
from accelsim.store.row_checksum import check_row, parsed_object, seal_rows
from accelsim.store.schema_versions import (
    check_version,
    create_tables,
    is_blank,
    migrate,
    refuse_damaged,
    version_of,
)

_MEMBERS = "members (sweep, position, point, labels)"


class Store:
    """An open database. Use as a context manager, or `close` it: closing folds the write-ahead log into the file.

    One process writes at a time, the others wait; any number read meanwhile. A process that is killed loses
    nothing that was committed, and leaves nothing half-written.
    """

    def __init__(
        self, path: Path, connection: sqlite3.Connection, copy: TemporaryDirectory[str] | None = None
    ) -> None:
        self.path = path
        self._connection = connection
        self._copy = copy
        self._columns: dict[str, list[str]] = {}
        self._ledger = Ledger(path, connection)

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """For reading and writing; the file and its folder are made if missing.

        Raises AccelsimError if that cannot be, or if the file is something else.
        """
        place = Path(path)
        regular_target(place)
        check_kind(place)
        with told(place, "cannot write"):
            place.parent.mkdir(parents=True, exist_ok=True)
            connection = connect_to_write(place)
            try:
                store = cls(place, connection)
                if not is_blank(connection):
                    check_version(place, connection)  # before anything is changed: it may be somebody else's
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("PRAGMA foreign_keys = ON")
                with store._transaction():
                    if is_blank(connection):
                        create_tables(connection)
                    store._columns = read_columns(place, connection, version_of(connection))
                    if store.lacks:
                        refuse_damaged(store.problems())
                        migrate(connection, store._columns)
                        store._columns = read_columns(place, connection, version_of(connection))
                store._ledger.watch()
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
        if not check_kind(place):
            made = near_file(place) or f"; accelsim sweep SWEEP.yaml --db {place} makes it"
            raise AccelsimError(f"{place}: no such results database{made}")
        with told(place, "cannot read"):
            connection, copy = connect_to_read(place)
            store = cls(place, connection, copy)
            try:
                check_version(place, connection)
                store._columns = read_columns(place, connection, version_of(connection))
            except BaseException:
                store.close()
                raise
        return store

    def close(self) -> None:
        """Close the file. Warns if the write-ahead log could not be folded into it, as on a full disk."""
        try:
            if not self._connection.execute("PRAGMA query_only").fetchone()[0]:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            if log_of(self.path).exists():
                warnings.warn(
                    f"{self.path}: its log could not be folded in ({error}): keep {self.path} and {log_of(self.path)} "
                    "together, since neither is whole without the other; once there is room, any accelsim sweep or "
                    "results on it does it",
                    stacklevel=2,
                )
        finally:
            self._connection.close()
            if self._copy is not None:
                self._copy.cleanup()

    @property
    def lacks(self) -> str | None:
        """What an older version of the database does not have, in words."""
        return LACKS.get(version_of(self._connection))

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
        with told(self.path, "cannot write"), self._transaction():
            self._connection.execute("DELETE FROM sweeps WHERE name = ?", (name,))
            self._connection.execute("INSERT INTO sweeps (name, spec) VALUES (?, ?)", (name, spec))
            self._connection.executemany(f"INSERT INTO {_MEMBERS} VALUES (?, ?, ?, ?)", rows)
            self._seal("sweeps", "name = ?", (name,))
            self._seal("members", "sweep = ?", (name,))

    def add_members(self, name: str, members: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Put more points, (point id, labels), at the end of a sweep, unless they are in it; made if missing."""
        with told(self.path, "cannot write"), self._transaction():
            execute = self._connection.execute
            execute("INSERT OR IGNORE INTO sweeps (name, spec) VALUES (?, '')", (name,))
            self._seal("sweeps", "name = ?", (name,))
            # Looked for once, since no index has it.
            query = "SELECT coalesce(max(position) + 1, 0) FROM members WHERE sweep = ?"
            (position,) = execute(query, (name,)).fetchone()
            for point, labels in members:
                row = (name, position, point, _json(labels))
                position += execute(f"INSERT OR IGNORE INTO {_MEMBERS} VALUES (?, ?, ?, ?)", row).rowcount
                self._seal("members", "sweep = ? AND point = ?", (name, point))

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
        return {row["name"]: row["spec"] for row in self._rows("sweeps", "ORDER BY name")}

    def put(self, outcomes: Iterable[tuple[Subject, Outcome]], engine: str) -> None:
        """Record outcomes, all of them or, if the process dies, none.

        One recorded before is replaced, but a result never by a failure: another process, with more memory, may have
        run meanwhile what failed here.
        """
        with told(self.path, "cannot write"), self._transaction():
            for subject, outcome in outcomes:
                self._put_one(subject, outcome, engine)

    def done(self) -> set[str]:
        """Identities of all points that ran; those that failed are not among them, and so are tried again."""
        self._check_whole()
        return {row["id"] for row in self._rows("points") if row["state"] == "done"}

    def outcome(self, point: str) -> Outcome | None:
        """What is recorded of the point of that identity; None if nothing is."""
        for row in self._rows("points", "WHERE id = ?", (point,)):
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
        self._check_whole()
        parts = ("points", "machines", "members")
        names = [f"{part}.{column}" for part in parts for column in self._columns[part]]
        query = f"""
            SELECT {", ".join(f'{name} AS "{name}"' for name in names)}
            FROM points JOIN members ON members.point = points.id AND {of_sweep}
                        LEFT JOIN machines ON machines.sha256 = points.machine_sha256
            ORDER BY {"members.position" if sweep is not None else "points.id"}"""
        for row in self._select(query, {"sweep": sweep} if sweep is not None else ()):
            point, machine, member = (
                {column: row[f"{part}.{column}"] for column in self._columns[part]} for part in parts
            )
            check_row(self.path, "points", point)
            check_row(self.path, "members", member)
            if point["machine_sha256"] is not None:
                check_row(self.path, "machines", machine)
            yield {**point, "config": machine["config"], "labels": member["labels"]}

    def problems(self) -> tuple[str, ...]:
        """What is damaged, a line each: pages of the file, rows, and what a row refers to and is gone."""
        said = [f"{self.path}: {text}" for text in self._page_problems()]
        said += self._row_problems()
        for name in TABLES:
            try:
                for row in self._all(name):
                    try:
                        check_row(self.path, name, row)
                    except AccelsimError as error:
                        said.append(str(error))
            except AccelsimError as error:  # pages that cannot be read at all
                said.append(str(error))
        broken = {row["parent"] for row in self._select("PRAGMA foreign_key_check")}
        said += (f"{self.path}: a row refers to a row of {table} that is gone" for table in sorted(broken))
        return tuple(dict.fromkeys(said))

    def machine_of(self, start: str) -> Machine:
        """The machine of the point whose identity begins with ``start``, named after it.

        Raises AccelsimError if it is not one point, or one without a machine.
        """
        found = list(self._rows("points", "WHERE substr(id, 1, length(?1)) = ?1 LIMIT 2", (start,)))
        if len(found) != 1:
            count = "more than one point" if found else "no point"
            raise AccelsimError(f"{self.path}: {count} whose id begins with {start!r}")
        sha256 = found[0]["machine_sha256"]
        if sha256 is None:
            raise AccelsimError(f"{self.path}: point {start} is no machine: {found[0]['error']}")
        machines = list(self._rows("machines", "WHERE sha256 = ?", (sha256,)))
        if not machines:
            raise AccelsimError(f"{self.path}: a row refers to a row of machines that is gone")
        data = {
            "name": f"point-{found[0]['id'][:12]}",
            **parsed_object(machines[0]["config"], f"{self.path}: config"),
        }
        return validate(Machine, Source(f"{self.path}: point {start}", data, {}))

    def _put_one(self, subject: Subject, outcome: Outcome, engine: str) -> None:
        execute = self._connection.execute
        machine_sha256 = None
        if isinstance(subject, Point):
            machine_sha256 = subject.machine_sha256
            execute(
                "INSERT OR IGNORE INTO machines (sha256, config) VALUES (?, ?)",
                (machine_sha256, _json(subject.machine_config)),
            )
            self._seal("machines", "sha256 = ?", (machine_sha256,))
        technology, workload = subject.technology, subject.workload
        execute(
            "INSERT OR IGNORE INTO technologies (sha256, name, content) VALUES (?, ?, ?)",
            (technology.sha256, technology.name, _json(technology.as_file())),
        )
        self._seal("technologies", "sha256 = ?", (technology.sha256,))
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
            "checksum": "",
        }
        marks, replaced = ", ".join("?" * len(row)), ", ".join(f"{name} = excluded.{name}" for name in row)
        execute(
            f"INSERT INTO points ({', '.join(row)}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {replaced} "
            "WHERE excluded.state = 'done' OR points.state = 'failed'",
            tuple(row.values()),
        )
        self._seal("points", "id = ?", (outcome.id,))

    def _seal(self, table: str, where: str, arguments: Sequence[Any]) -> None:
        seal_rows(self._connection, table, self._columns[table], where, arguments)

    def _rows(self, table: str, end: str = "", arguments: Sequence[Any] = ()) -> Iterator[dict[str, Any]]:
        """Yield rows of a table; raise AccelsimError at the first that is damaged."""
        for row in self._all(table, end, arguments):
            check_row(self.path, table, row)
            yield row

    def _all(self, table: str, end: str = "", arguments: Sequence[Any] = ()) -> Iterator[dict[str, Any]]:
        return self._select(f"SELECT {', '.join(self._columns[table])} FROM {table} {end}", arguments)

    def _check_whole(self) -> None:
        # A damaged index hides rows from a query, which no checksum of a row shows; nor does one show a row that is gone.
        for text in self._page_problems():
            raise AccelsimError(f"{self.path}: damaged: {text}")
        for text in self._row_problems():
            raise AccelsimError(text)

    def _page_problems(self) -> list[str]:
        found = (" ".join(row["integrity_check"].split()) for row in self._select("PRAGMA integrity_check"))
        return [text for text in found if text != "ok"]

    def _row_problems(self) -> list[str]:
        if self.lacks:
            return []
        with told(self.path, "cannot read"):
            return list(ledger_problems(self.path, self._connection))

    def _select(self, query: str, arguments: Any = ()) -> Iterator[dict[str, Any]]:
        with told(self.path, "cannot read"):
            cursor = self._connection.execute(query, arguments)
            names = [column[0] for column in cursor.description]
            for row in cursor:
                yield dict(zip(names, row, strict=True))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            with self._ledger.settled():
                yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


def _json(content: Any) -> str:
    return json.dumps(content, separators=(",", ":"), default=dict)
