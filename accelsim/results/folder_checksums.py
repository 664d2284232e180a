"""The SHA-256 of every file that a run wrote into a folder, in ``SHA256SUMS``, which ``sha256sum -c`` reads too."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from accelsim.errors import AccelsimError
from accelsim.files import read_text, readable_file, replaced

CHECKSUMS = "SHA256SUMS"

_LINE = re.compile(r"([0-9a-f]{64})  ([^/\n]+)\n")


def write_checksums(folder: Path, files: Iterable[Path]) -> None:
    """Write `CHECKSUMS` of a folder's files; it is written last, so that a run that was killed shows.

    Raises:
        AccelsimError: If it cannot be written.
    """
    # What is no regular file has been written through, and cannot be read back.
    lines = [f"{_sha256(file)}  {file.name}\n" for file in sorted(files) if file.is_file()]
    with replaced(folder / CHECKSUMS) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")


def has_checksums(folder: Path) -> bool:
    """Return whether a folder has checksums; one that was written before there were any has none."""
    return (folder / CHECKSUMS).exists()


def folder_problems(folder: Path, needed: Sequence[str]) -> list[str]:
    """Return what is damaged in a folder of results, a line each; nothing if it has no checksums.

    Args:
        folder: The folder.
        needed: Names of files of which those that are there must be listed.

    Raises:
        AccelsimError: If the checksums cannot be read.
    """
    if not has_checksums(folder):
        return []
    path = folder / CHECKSUMS
    text, listed = read_text(path, "checksums"), {}
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        found = _LINE.fullmatch(line)
        if found is None:
            return [f"{path}:{number}: damaged: not a checksum and a file's name"]
        listed[found[2]] = found[1]
    said = [_problem(folder / name, digest) for name, digest in listed.items()]
    said += (
        f"{folder / name}: {CHECKSUMS} does not list it: of another run than the rest; remove it, or run again"
        for name in needed
        if name not in listed and (folder / name).is_file()
    )
    return [problem for problem in said if problem]


def check_folder(folder: Path, needed: Sequence[str]) -> None:
    """Raise AccelsimError with the first of `folder_problems`."""
    for problem in folder_problems(folder, needed):
        raise AccelsimError(problem)


def _problem(path: Path, digest: str) -> str:
    try:
        same = _sha256(readable_file(path, "file of results")) == digest
    except AccelsimError as error:
        return str(error)
    except OSError as error:
        return f"{path}: cannot read: {error.strerror or error}"
    return (
        "" if same else f"{path}: damaged or changed since it was written ({CHECKSUMS} has another checksum)"
    )


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
