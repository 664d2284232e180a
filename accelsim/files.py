"""Writing files in one step: a reader sees the old file or the new one, never half of one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from accelsim.errors import AccelsimError


@contextmanager
def replaced(path: Path, written: list[Path] | None = None) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place if the block succeeds.

    The suffix is kept, since writers go by it. ``written`` collects the paths that were replaced.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if written is not None:
        written.append(path)


def writable_folder(folder: Path | str) -> None:
    """Check, before the work that fills it, that a folder is there or can be made, and written; leaves no trace.

    Raises AccelsimError if not.
    """
    if not str(folder):
        raise AccelsimError("out: an empty name; give a folder")
    path = Path(folder)
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
