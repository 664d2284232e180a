"""Opening the SQLite file of a results database: what may be one, and how it is read where nothing can be written."""

from __future__ import annotations

import shutil
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from accelsim.errors import AccelsimError
from accelsim.files import readable_file
from accelsim.store.ledger import add_digest_function
from accelsim.store.row_checksum import row_checksum
from accelsim.store.write_ahead_log import damaged_byte

BUSY_SECONDS = 30.0
"""How long to wait for another process that is writing."""

_COMPANIONS = ("-wal", "-shm", "-journal")
"""Ends of the names of the files that SQLite opens beside a database, unasked."""

_LOGS = ("-wal", "-journal")
"""Those of them that hold rows, or what takes half a transaction back."""

_SIGNATURE = b"SQLite format 3\0"


def log_of(path: Path) -> Path:
    """Return the write-ahead log of a database."""
    return path.with_name(f"{path.name}-wal")


def check_kind(path: Path) -> bool:
    """Refuse what is there and is no SQLite file; return whether there is something."""
    with told(path, "cannot read"):
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


def connect_to_write(path: Path) -> sqlite3.Connection:
    """Return a connection that may write, with `row_checksum` as a function of SQL.

    Warns if rows of the log are lost: whoever writes runs their points again.
    """
    if (damaged := damaged_byte(path)) is not None:
        warnings.warn(
            f"{log_of(path)}: damaged at byte {damaged}: rows that were recorded after it are lost, and run again",
            stacklevel=2,
        )
    return _set_up(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None))


def connect_to_read(path: Path) -> tuple[sqlite3.Connection, TemporaryDirectory[str] | None]:
    """Return a connection for reading, and the folder of the copy that it reads, if it reads one.

    Raises:
        AccelsimError: If a log that holds rows is damaged, or can neither be used where it is nor copied.
        sqlite3.Error: If the database cannot be opened.
    """
    if (damaged := damaged_byte(path)) is not None:
        raise AccelsimError(
            f"{log_of(path)}: damaged at byte {damaged}: rows that were recorded after it cannot be read; restore "
            f"{path.name} and its log from a copy, or run a sweep into it, which goes on without them"
        )
    uri = path.resolve().as_uri()
    # Opened to write so that SQLite can tidy up after a writer that was killed; nothing else is written.
    with suppress(sqlite3.OperationalError):
        connection = sqlite3.connect(f"{uri}?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
            return _set_up(connection), None
        except sqlite3.OperationalError:
            connection.close()
    # WAL mode wants a file beside the database. Where none can be made, nobody writes either.
    if any(_size(path.with_name(path.name + suffix)) for suffix in _LOGS):
        return _connect_to_copy(path)
    return _set_up(sqlite3.connect(f"{uri}?immutable=1", uri=True, isolation_level=None)), None


def _connect_to_copy(path: Path) -> tuple[sqlite3.Connection, TemporaryDirectory[str]]:
    """Copy the database and its log, which SQLite reads together only where it can write."""
    files = [path, *(path.with_name(path.name + suffix) for suffix in _LOGS)]
    copy = TemporaryDirectory(prefix="accelsim-")
    try:
        before = [_state(file) for file in files]
        for file in files:
            if file.exists():
                shutil.copyfile(file, Path(copy.name) / file.name)
        if before != [_state(file) for file in files]:
            raise AccelsimError(f"{path}: is being written by somebody else; read it when that has ended")
        connection = sqlite3.connect(Path(copy.name) / path.name, isolation_level=None)
        connection.execute("PRAGMA query_only = ON")
        return _set_up(connection), copy
    except OSError as error:
        copy.cleanup()
        raise AccelsimError(
            f"{path}: its write-ahead log holds rows, but nothing can be written in its folder, and it cannot be copied "
            f"elsewhere: {error.strerror or error}"
        ) from None
    except BaseException:
        copy.cleanup()
        raise


def _set_up(connection: sqlite3.Connection) -> sqlite3.Connection:
    # Text that is damaged is read too, so that the row it is in can be named.
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    connection.create_function("row_checksum", -1, row_checksum, deterministic=True)
    add_digest_function(connection)
    return connection


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _state(path: Path) -> tuple[int, int] | None:
    if not path.exists():
        return None
    found = path.stat()
    return found.st_size, found.st_mtime_ns


@contextmanager
def told(path: Path, what: str) -> Iterator[None]:
    """Turn a failure of SQLite or of the file system into one line that names the database."""
    try:
        yield
    except sqlite3.Error as error:
        raise AccelsimError(f"{path}: {what}: {' '.join(str(error).split())}") from None
    except OSError as error:
        raise AccelsimError(f"{path}: {what}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise AccelsimError(f"{path}: {what}: damaged: text that is not UTF-8") from None
    except ValueError as error:
        if isinstance(error, AccelsimError):
            raise
        raise AccelsimError(f"{path!r}: not a file name") from None
