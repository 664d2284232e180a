"""What kind of file something is: a trace, machine, technology, sweep or results database, by content or bundled name."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from accelsim.bundled import bundled_names, is_bundled
from accelsim.errors import AccelsimError, near_file, suggestion
from accelsim.files import readable_file
from accelsim.inputs import ALL_TRACES
from accelsim.trace.container import SIGNATURE

Kind = Literal["trace", "machine", "technology", "sweep", "results", "folder"]

_DATABASE = b"SQLite format 3\0"
_RESULTS = "results.json"
"""The file by which a folder of results is known."""

_FOLDERS: dict[Kind, str] = {
    "machine": "hwconfigs",
    "technology": "hwconfigs/technology",
    "sweep": "hwconfigs/sweeps",
}


def kind_of(name: str | Path) -> Kind:
    """What a file holds, from its first bytes and its ``format`` line, or what a bundled name stands for.

    Raises AccelsimError if there is neither such a file nor such a name.
    """
    path = Path(name)
    try:
        if not path.exists():
            return _bundled_kind(str(name))
        if path.is_dir() and (path / _RESULTS).exists():
            return "folder"
        readable_file(path, "trace, machine, technology, sweep or results database")
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
    for kind, folder in _FOLDERS.items():
        if is_bundled(f"{folder}/{name}.yaml"):
            return kind
    bundled = [*ALL_TRACES, *(each for folder in _FOLDERS.values() for each in bundled_names(folder))]
    near = near_file(Path(name)) or f"; {suggestion(name, bundled)}"
    raise AccelsimError(
        f"{name}: no such file, and no bundled trace, machine, technology or sweep of that name{near}"
    )
