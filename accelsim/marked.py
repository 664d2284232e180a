"""Documents whose tables are made: what stands between ``<!-- marker -->`` and ``<!-- /marker -->`` is replaced."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from accelsim.errors import AccelsimError
from accelsim.files import read_text, replaced


def between(path: Path, marker: str) -> str:
    """What stands between the two lines of a marker. Raises AccelsimError if they are missing, or the file."""
    return _parts(read_text(path, "document"), marker, path)[1]


def fill_document(path: Path, contents: Mapping[str, str]) -> None:
    """Replace what stands between each marker's lines by its content, which ends with a newline; in one step.

    Raises AccelsimError, with the file as it was, if a marker is missing or the file cannot be read or written.
    """
    text = read_text(path, "document")
    for marker, content in contents.items():
        before, _, after = _parts(text, marker, path)
        text = before + content + after
    with replaced(path, regular_only=True) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _parts(text: str, marker: str, path: Path) -> tuple[str, str, str]:
    opening, closing = f"<!-- {marker} -->\n", f"<!-- /{marker} -->"
    before, found, rest = text.partition(opening)
    inside, ended, after = rest.partition(closing)
    if not found or not ended:
        raise AccelsimError(f"{path}: without the lines {opening.strip()} and {closing}; not overwritten")
    return before + opening, inside, closing + after
