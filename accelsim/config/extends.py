"""``extends:`` in a YAML file: another file's keys, with this one's laid over them.

A section in both files is merged key by key. Everything else is replaced: numbers, texts, lists, a section by null
(which drops an optional one), and a section whose `kind` changes, since the keys of the old kind mean nothing in the
new one. `name` and `description` are a file's own: no two machines should share a name by oversight.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from accelsim.bundled import bundled_names, bundled_path, is_bundled
from accelsim.config.source import KeyPath, Source, read_source
from accelsim.errors import AccelsimError, near_file

KEY = "extends"
MAX_FILES = 16
"""Files in a row at most: more than anybody can keep in mind."""

_OWN_KEYS = (KEY, "name", "description")


def with_bases(source: Source, file: Path | None, shipped_in: str, what: str) -> Source:
    """`source` laid over the file that its key ``extends`` names, that one over its own, and so on.

    file: where `source` was read, None for a text; a relative path is relative to its folder (the current one for a
    text). shipped_in: folder of the bundled files that a bare name may mean. what: the kind of file, for messages
    ("machine file"). In the answer every key knows the file and line that it came from.

    Raises AccelsimError if a file is missing, unreadable or part of a circle, or if there are more than `MAX_FILES`.
    """
    chain, seen = [source], [file.resolve() if file is not None else None]
    folder = file.parent if file is not None else Path()
    while (named := _named(chain[-1])) is not None:
        where = f"{chain[-1].where((KEY,))}: field {KEY}"
        path = file_named(named, folder, shipped_in)
        if not os.path.isfile(path):  # noqa: PTH113 - Path raises where a name is too long
            near = near_file(path) or f"; bundled: {', '.join(bundled_names(shipped_in))}"
            raise AccelsimError(f"{where}: {named!r}: no such {what}, and no bundled one of that name{near}")
        if path.resolve() in seen:
            shown = " -> ".join(Path(each.label).name for each in chain)
            raise AccelsimError(f"{where}: goes round in a circle: {shown} -> {path.name}")
        if len(chain) == MAX_FILES:
            raise AccelsimError(f"{where}: more than {MAX_FILES} files in a row")
        chain.append(read_source(path, what))
        seen.append(path.resolve())
        folder = path.parent
    merged = chain.pop()
    while chain:
        merged = _laid_over(merged, chain.pop())
    return replace(_without(merged, (KEY,)), reader_keys=(KEY,))


def _named(source: Source) -> str | None:
    """What ``extends`` says; None where there is no such key."""
    assert isinstance(source.data, dict)
    if KEY not in source.data:
        return None
    named = source.data[KEY]
    if not isinstance(named, str) or not named.strip():
        raise AccelsimError(
            f"{source.where((KEY,))}: field {KEY}: must be a file, or the name of a bundled one"
        )
    return named


def file_named(named: str, folder: Path, shipped_in: str, suffix: str = ".yaml") -> Path:
    """What a name in a file in ``folder`` means: the bundled file of that bare name, or else a path from there."""
    shipped = f"{shipped_in}/{named}{suffix}"
    if re.fullmatch(r"[A-Za-z0-9_-]{1,100}", named) and is_bundled(shipped):
        return bundled_path(shipped)
    return folder / named


def _laid_over(base: Source, over: Source) -> Source:
    base = _without(base, _OWN_KEYS)
    lines = dict(base.lines)
    labels = {path: base.label_of(path) for path in base.lines}

    def merged(below: object, above: object, path: KeyPath) -> object:
        if not isinstance(below, dict) or not isinstance(above, dict) or _other_kind(below, above):
            for gone in [each for each in lines if each[: len(path)] == path]:
                del lines[gone], labels[gone]
            return above
        both = {key: merged(below[key], above[key], (*path, key)) for key in above if key in below}
        return below | above | both

    data = merged(base.data, over.data, ())
    lines |= over.lines
    labels |= {path: over.label_of(path) for path in over.lines}
    return Source(over.label, data, lines, labels)


def _other_kind(below: dict[str, object], above: dict[str, object]) -> bool:
    return "kind" in below and "kind" in above and below["kind"] != above["kind"]


def _without(source: Source, keys: tuple[str, ...]) -> Source:
    assert isinstance(source.data, dict)
    data = {key: value for key, value in source.data.items() if key not in keys}
    lines = {path: line for path, line in source.lines.items() if not path or path[0] not in keys}
    return replace(source, data=data, lines=lines)
