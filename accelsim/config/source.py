"""Reading a YAML file into plain data that remembers the line of every key.

The dialect is deliberately small: one document of mappings, lists and scalars; no aliases, tags or
duplicate keys. Plain scalars follow YAML 1.2 (``010``, ``1:30`` and ``yes`` are texts, not 8, 90 and true).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from accelsim.bundled import bundled_names, bundled_path
from accelsim.errors import AccelsimError, suggestion
from accelsim.files import read_bytes

MAX_FILE_BYTES = 1 << 20
KeyPath = tuple[str | int, ...]

_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,99})")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, object] = {
    "": None, "~": None, "null": None, "true": True, "false": False,
    ".nan": float("nan"), ".inf": float("inf"), "+.inf": float("inf"), "-.inf": float("-inf"),
}  # fmt: skip
_TAG_NAMES = ("str", "int", "float", "bool", "null", "timestamp", "merge", "value", "map", "seq")
_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in _TAG_NAMES)


@dataclass(frozen=True)
class Source:
    """Plain data of one YAML file and where it came from.

    label: the file as told to people. data: dict, list, str, int, float, bool or None.
    lines: 1-based line of every key and list item, by path from the root ``()``.
    labels: the file of a key that came from another one (`accelsim.config.extends`), by path.
    reader_keys: keys that a file may have beside those of its schema; the reader acted on them and took them out.
    text: what was read; empty where the data came from elsewhere.
    """

    label: str
    data: object
    lines: dict[KeyPath, int]
    labels: dict[KeyPath, str] = field(default_factory=dict)
    reader_keys: tuple[str, ...] = ()
    text: str = ""

    def label_of(self, path: KeyPath) -> str:
        """The file that a key is in."""
        return self.labels.get(path, self.label)

    def where(self, path: KeyPath) -> str:
        """``FILE:LINE`` of a key, or of its closest enclosing key if it is not in the file."""
        while path not in self.lines and path:
            path = path[:-1]
        return f"{self.label_of(path)}:{self.lines[path]}" if path in self.lines else self.label


def resolve_scalar(text: str) -> object:
    """Value of an unquoted YAML scalar: None, bool, int, float, or the text itself."""
    word = text if text in ("", "~") else text.lower()
    if word in _WORDS:
        return _WORDS[word]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and not re.fullmatch(r"[-+]?0[0-9]+", text):
        return float(text)
    return text


def read_source(path: Path, what: str) -> Source:
    """Read a YAML file; `what` names its kind in messages ("machine file").

    Raises AccelsimError, with the file and where possible the line, if the file cannot be read, is
    larger than 1 MiB, is not UTF-8, or is not YAML of the dialect above.
    """
    raw = read_bytes(path, what, max_bytes=MAX_FILE_BYTES)
    label = str(path) if str(path).isprintable() else repr(str(path))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise AccelsimError(f"{label}:{line}: not UTF-8 text, not a {what}") from None
    return parse_source(text, label, what)


def parse_source(text: str, label: str, what: str) -> Source:
    """As `read_source`, from text already in memory; `label` stands for the file in messages."""
    try:
        root = _Composer(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        said = " ".join((error.problem or error.context or "unreadable").split())
        raise AccelsimError(f"{label}{line}: not valid YAML: {said}") from None
    except yaml.reader.ReaderError as error:
        line = f":{text[: error.position].count(chr(10)) + 1}"
        raise AccelsimError(f"{label}{line}: control character, not a text file") from None
    except RecursionError:
        raise AccelsimError(f"{label}: nested too deeply, not a {what}") from None
    if root is None:
        raise AccelsimError(f"{label}: empty, not a {what}")
    lines: dict[KeyPath, int] = {}
    data = _plain(root, (), lines, label)
    if not isinstance(data, dict):
        raise AccelsimError(f"{label}:1: a {what} is a mapping of keys to values")
    return Source(label, data, lines, text=text)


def find_config(path_or_name: str | Path, folder: str, what: str) -> Path:
    """The file meant by a path, or by the bare name of a shipped one (``dense`` -> hwconfigs/dense.yaml).

    Raises AccelsimError listing the shipped names if there is neither.
    """
    text = str(path_or_name)
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        return Path(path_or_name)
    shipped = bundled_names(folder)
    if text in shipped:
        return bundled_path(f"{folder}/{text}.yaml")
    if os.path.exists(text):  # noqa: PTH110 - Path raises where a name is too long
        return Path(text)
    raise AccelsimError(f"{text}: no such {what}; {suggestion(text, shipped)}, or a file")


class _Composer(yaml.SafeLoader):
    """The safe loader, but a file cannot refer to itself (an alias bomb is small in the file only)."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.get_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not allowed", mark)
        return super().compose_node(parent, index)


def _plain(node: yaml.Node, path: KeyPath, lines: dict[KeyPath, int], label: str) -> object:
    line = node.start_mark.line + 1
    lines.setdefault(path, line)
    if node.tag not in _PLAIN_TAGS:
        raise AccelsimError(f"{label}:{line}: tag {node.tag!r} is not allowed")
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, i), lines, label) for i, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        text: str = node.value
        return resolve_scalar(text) if node.style is None else text
    mapping: dict[str, object] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise AccelsimError(f"{label}:{line}: a key must be a name, not a list or mapping")
        key: str = key_node.value
        if key in mapping:
            first = lines[*path, key]
            raise AccelsimError(
                f"{label}:{line}: field {dotted((*path, key))}: given twice (first on line {first})"
            )
        lines[*path, key] = line
        mapping[key] = _plain(value_node, (*path, key), lines, label)
    return mapping


def dotted(path: KeyPath) -> str:
    """``("mvu", "vpus")`` as ``mvu.vpus``, safe to print on one line."""
    text = ".".join(str(part) for part in path)
    return text if text.isprintable() and len(text) <= 200 else repr(text)[:200]
