"""Writing a result file in one step: a reader sees the old file or the new one, never half of one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
