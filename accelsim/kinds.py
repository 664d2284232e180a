"""What kind of file something is: a trace, machine, technology, sweep or results database, by content or bundled name."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from accelsim.bundled import is_bundled
from accelsim.errors import AccelsimError
from accelsim.inputs import ALL_TRACES
from accelsim.trace.container import SIGNATURE

Kind = Literal["trace", "machine", "technology", "sweep", "results"]

_DATABASE = b"SQLite format 3\0"


def kind_of(name: str | Path) -> Kind:
    """What a file holds, from its first bytes and its ``format`` line, or what a bundled name stands for.

    Raises AccelsimError if there is neither such a file nor such a name.
    """
    path = Path(name)
    try:
        if not path.exists():
            return _bundled_kind(str(name))
        if not path.is_file():
            raise AccelsimError(
                f"{name}: is a folder or device, not a trace, machine, technology, sweep or results database"
            )
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise AccelsimError(f"{name}: cannot read: {error.strerror}") from None
    if head.startswith(SIGNATURE) or path.suffix in (".h5", ".hdf5"):
        return "trace"
    if head.startswith(_DATABASE):
        return "results"
    if b"accelsim-sweep" in head:
        return "sweep"
    return "technology" if b"accelsim-technology" in head else "machine"


def _bundled_kind(name: str) -> Kind:
    if name in ALL_TRACES:
        return "trace"
    if is_bundled(f"hwconfigs/{name}.yaml"):
        return "machine"
    if is_bundled(f"hwconfigs/technology/{name}.yaml"):
        return "technology"
    if is_bundled(f"hwconfigs/sweeps/{name}.yaml"):
        return "sweep"
    raise AccelsimError(
        f"{name}: no such file, and no bundled trace, machine, technology or sweep of that name"
    )
