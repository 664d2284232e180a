"""Reading and writing files.

Only regular files are read: opening a FIFO may wait for ever, and a device may never end. A reader sees the old file or
the new one, never half of one, and a device or link that is written stays what it is.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO
from uuid import uuid4

from accelsim.errors import AccelsimError, near_file
from accelsim.visible_text import visible

_STREAMABLE = "a file, a character device or a FIFO"
_REGULAR = "a regular file, since this format cannot be streamed"

_NAMES = {
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
}

_MAX_STEM = 40
"""Characters of a file's name that its temporary file repeats, so that a long name does not become too long."""

_MAX_LINKS = 40
"""Links that are followed to an open descriptor; Linux follows as many to a file."""


MAX_READ_BYTES = 1 << 30
"""Largest file that is read whole, unless its reader says less."""


def readable_file(
    path: Path | str, what: str, *, hint: str = "", max_bytes: int | None = None, missing_ok: bool = False
) -> Path:
    """Check, without opening it, that `path` is a regular file or a link to one; return it.

    Args:
        path: The input as the user named it.
        what: What it should hold, for messages ("SRAM table").
        hint: End of the message about a missing file, used where no file of its folder has a similar name.
        max_bytes: Largest size that is accepted; None for any.
        missing_ok: Accept that there is no such file.

    Raises:
        AccelsimError: If there is no such file, or it is a folder, FIFO, device or socket, or it is too large.
    """
    path = Path(path)
    _check_name(path)
    with _one_line(path, f"cannot read the {what}"):
        try:
            found = path.stat()
        except FileNotFoundError:
            if missing_ok:
                return path
            raise AccelsimError(f"{visible(str(path))}: no such {what}{near_file(path) or hint}") from None
        if not stat.S_ISREG(found.st_mode):
            kind = _NAMES.get(stat.S_IFMT(found.st_mode), "something else")
            raise AccelsimError(
                f"{visible(str(path))}: cannot read the {what} from {kind}; allowed: a regular file"
            )
    if max_bytes is not None and found.st_size > max_bytes:
        raise AccelsimError(
            f"{visible(str(path))}: larger than {max_bytes / 2**20:g} MiB, the limit of a {what}"
        )
    return path


def read_bytes(path: Path | str, what: str, *, hint: str = "", max_bytes: int = MAX_READ_BYTES) -> bytes:
    """Return the content of a regular file; the arguments are those of `readable_file`.

    Raises:
        AccelsimError: As `readable_file` does, and if the file cannot be read.
    """
    path = readable_file(path, what, hint=hint, max_bytes=max_bytes)
    with _one_line(path, f"cannot read the {what}"), path.open("rb") as stream:
        return stream.read(max_bytes)


def read_text(path: Path | str, what: str, *, hint: str = "", max_bytes: int = MAX_READ_BYTES) -> str:
    """Return the content of a regular file of UTF-8 text; the arguments are those of `readable_file`.

    Raises:
        AccelsimError: As `read_bytes` does, and with the line that is not UTF-8.
    """
    raw = read_bytes(path, what, hint=hint, max_bytes=max_bytes)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise AccelsimError(f"{path}:{line}: cannot read the {what}: not UTF-8 text") from None


@contextmanager
def replaced(path: Path, written: list[Path] | None = None, *, regular_only: bool = False) -> Iterator[Path]:
    """Yield a temporary path; when the block succeeds, its content becomes that of `path`.

    A regular file, or the file that a symbolic link names, is replaced in one step: the link stays, and an existing file
    keeps its permission bits and owner. A character device, a FIFO or an open descriptor (/dev/stdout) is never replaced:
    the finished content is copied into it.

    Args:
        path: The output as the user named it. Its folder must exist.
        written: Collects the paths that were written.
        regular_only: Refuse what is no regular file, for formats that need to seek or are reopened by their path.

    Yields:
        A path that does not exist yet, with the suffix of `path`, since writers go by it.

    Raises:
        AccelsimError: If `path` cannot be an output, or cannot be written.
    """
    with _one_line(path):
        target = regular_target(path) if regular_only else _target(path)
        with _streamed(path) if target is None else _beside(path, target) as temporary:
            yield temporary
    if written is not None:
        written.append(path)


@contextmanager
def appended(path: Path) -> Iterator[TextIO]:
    """Open a log to append UTF-8 text to it; made if missing, and written through if it is a device or FIFO.

    Raises:
        AccelsimError: If `path` cannot be written.
    """
    with _one_line(path):
        _target(path)
        descriptor = _open_descriptor(path, os.O_APPEND | os.O_CREAT)
        with os.fdopen(descriptor, "a", encoding="utf-8", newline="") as file:
            yield file


def removed(path: Path) -> None:
    """Remove a regular file if it exists, or the one that a link names; the link stays, and so does a device or FIFO.

    Raises:
        AccelsimError: If it cannot be removed.
    """
    with _one_line(path):
        target = _target(path)
        if target is not None:
            target.unlink(missing_ok=True)


def check_output_file(path: Path | str, *, regular_only: bool = False) -> None:
    """Check, before the work, that `replaced` could write to `path`; leaves no trace.

    Whether somebody reads a FIFO is not checked: opening it would disturb the reader.

    Args:
        path: The output as the user named it. Its folder may be missing.
        regular_only: As for `replaced`.

    Raises:
        AccelsimError: If `path` cannot be an output, or its folder cannot be made or written.
    """
    if not str(path):
        raise AccelsimError("out: an empty name; give a file")
    path = Path(path)
    with _one_line(path):
        target = regular_target(path) if regular_only else _target(path)
    if target is not None:
        if target != path and not target.parent.is_dir():
            raise AccelsimError(f"{path}: is a link into a folder that does not exist: {target.parent}")
        writable_folder(target.parent)
    elif _own_descriptor(path) is None and not os.access(path, os.W_OK):
        raise AccelsimError(f"{path}: cannot write: Permission denied")


def writable_folder(folder: Path | str) -> None:
    """Check, before the work that fills it, that a folder is there or can be made, and written; leaves no trace.

    Raises AccelsimError if not.
    """
    if not str(folder):
        raise AccelsimError("out: an empty name; give a folder")
    path = Path(folder)
    _check_name(path)
    probe = path / f".{os.getpid()}.probe"
    try:
        missing = [each for each in (path, *path.parents) if not each.exists()]
        path.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
        for made in missing:
            made.rmdir()
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise AccelsimError(f"{folder}: cannot write there: {said}") from None


def regular_target(path: Path) -> Path:
    """Return the regular file that `path` names, links followed; it need not exist yet.

    Raises:
        AccelsimError: If `path` is something else, such as a folder, a device, or a loop of links.
    """
    target = _target(path, _REGULAR)
    if target is None:
        raise AccelsimError(f"{path}: is {_what(path)}; allowed: {_REGULAR}")
    return target


def temporary_beside(path: Path, target: Path) -> Path:
    """Return an unused name in the folder of `target`, so that it can replace it, with the suffix of `path`."""
    # Without dots in it, the name has the suffix of `path` even if that has none.
    stem = path.stem[:_MAX_STEM].replace(".", "-")
    return target.with_name(f".{stem}-{uuid4().hex}{path.suffix}")


def put_in_place(temporary: Path, target: Path) -> None:
    """Replace `target` by the finished file `temporary`, which takes over permission bits and owner of an existing one.

    Raises:
        AccelsimError: If `target` is no regular file.
        OSError: If it cannot be replaced.
    """
    if os.path.lexists(target):
        there = target.lstat()
        if not stat.S_ISREG(there.st_mode):
            raise AccelsimError(f"{target}: has become {_what(target)}; not replaced")
        # Some file systems have neither owners nor permission bits; the content matters more.
        with contextlib.suppress(OSError):
            os.chown(temporary, there.st_uid, there.st_gid)
        with contextlib.suppress(OSError):
            temporary.chmod(there.st_mode & 0o777)
    temporary.replace(target)


def _target(path: Path, allowed: str = _STREAMABLE) -> Path | None:
    """Return the regular file that `path` names, which need not exist, or None if `path` is to be written through."""
    _check_name(path)
    with _one_line(path):
        if _own_descriptor(path) is not None:
            return None
        try:
            mode = path.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):  # writing it tells what its folder lacks
            mode = stat.S_IFREG
        if stat.S_ISCHR(mode) or stat.S_ISFIFO(mode):
            return None
        if not stat.S_ISREG(mode):
            raise AccelsimError(f"{path}: is {_what(path)}; allowed: {allowed}")
        return Path(os.path.realpath(path)) if path.is_symlink() else path


def _check_name(path: Path) -> None:
    """Raise AccelsimError for a name that is not UTF-8: no file or library that is to hold it could."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        raise AccelsimError(f"{visible(str(path))}: not a file name in UTF-8; allowed: only such") from None


def _what(path: Path) -> str:
    if _own_descriptor(path) is not None:
        return "an open descriptor"
    return _NAMES.get(stat.S_IFMT(path.stat().st_mode), "no regular file")


def _own_descriptor(path: Path) -> int | None:
    """Return the number of this process's descriptor that /dev/stdout, /dev/fd/N or a link to one names."""
    folders = ("/dev/fd", f"/proc/{os.getpid()}/fd")
    for _ in range(_MAX_LINKS):
        folder = os.path.realpath(path.parent)
        if folder in folders and path.name.isdecimal():
            return int(path.name)
        try:
            path = Path(folder, path.readlink())
        except OSError:
            return None
    return None


def _open_descriptor(path: Path, flags: int = 0) -> int:
    """Open `path` to write through it, without waiting for a FIFO's reader or taking a terminal over."""
    number = _own_descriptor(path)
    if number is not None:
        # A copy shares the position: opened anew, a file behind /dev/stdout would be overwritten from its start.
        sys.stdout.flush()
        return os.dup(number)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | flags, 0o666)
    except OSError as error:
        if error.errno == errno.ENXIO and path.is_fifo():
            raise AccelsimError(f"{path}: is a FIFO that nobody reads; start its reader first") from None
        raise
    os.set_blocking(descriptor, True)
    return descriptor


@contextmanager
def _streamed(path: Path) -> Iterator[Path]:
    """Yield a temporary path elsewhere; copy its content into `path`, opened before, when the block succeeds."""
    with (
        os.fdopen(_open_descriptor(path), "wb") as stream,
        TemporaryDirectory(prefix="accelsim-") as folder,
    ):
        temporary = Path(folder) / f"output{path.suffix}"
        yield temporary
        with temporary.open("rb") as finished:
            shutil.copyfileobj(finished, stream)


@contextmanager
def _beside(path: Path, target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`, which it replaces when the block succeeds."""
    temporary = temporary_beside(path, target)
    try:
        yield temporary
        put_in_place(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _one_line(path: Path, failed: str = "cannot write") -> Iterator[None]:
    """Turn a failure of the file system into an AccelsimError that names `path`, not a temporary file."""
    try:
        yield
    except OSError as error:
        raise AccelsimError(f"{visible(str(path))}: {failed}: {error.strerror or error}") from None
    except ValueError as error:
        if "null byte" not in str(error):
            raise
        raise AccelsimError(f"{visible(str(path))}: {failed}: {error}") from None
