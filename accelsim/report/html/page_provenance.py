"""Everything that is needed to run the shown results again, as sections of the page."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from accelsim.report.html.result_folder import Folder
from accelsim.store.flat_table import Row
from accelsim.version import __version__


@dataclass(frozen=True)
class Section:
    """facts: names and values. texts: longer ones, by title, shown on demand."""

    title: str
    facts: Sequence[tuple[str, str]]
    texts: Mapping[str, str]


def page_section() -> Section:
    """What wrote the page itself."""
    return Section("This page", [("written by", f"accelsim {__version__}")], {})


def folder_sections(folder: Folder) -> list[Section]:
    """The run, each machine with its whole configuration, each trace with its hashes and seeds."""
    stored = dict(folder.provenance)
    machines, traces = stored.pop("machines"), stored.pop("traces")
    uncertainty = stored.pop("uncertainty", {})
    files = [folder.path / name for name in ("results.json", "layers.parquet", "figure5.csv", "claims.json")]
    run = [(_words(name), _text(value)) for name, value in _flat(stored)]
    run += [(f"{file.name}: sha256", _sha256(file)) for file in files if file.exists()]
    sections = [Section("Run", run, {})]
    for name, entry in machines.items():
        facts = [("sha256", entry["sha256"])]
        if description := entry["config"].get("description"):
            facts.insert(0, ("description", description))
        sections.append(Section(f"Machine {name}", facts, {"Configuration": _yaml(entry["config"])}))
    for name, entry in traces.items():
        sections.append(
            Section(f"Trace {name}", [(_words(key), _text(each)) for key, each in _flat(entry)], {})
        )
    if uncertainty:
        constants = uncertainty.pop("constants", []) if (uncertainty := dict(uncertainty)) else []
        facts = [(_words(key), _text(each)) for key, each in uncertainty.items()]
        sections.append(Section("Error bars", facts, {"Constants": "\n".join(map(str, constants))}))
    return sections


def database_sections(
    path: Path, rows: Sequence[Row], sweeps: Mapping[str, str], chosen: Mapping[str, str | None]
) -> list[Section]:
    """The database's points that are shown: code, engines, technologies, traces, the sweep files, and the machines.

    chosen: options that narrowed the points. Fields in which all machines agree are told once; those in which they
    differ are with each point.
    """
    facts = [("file", path.name), ("points shown", f"{len(rows):,}")]
    facts += [(name, value) for name, value in chosen.items() if value]
    facts += [("code", _distinct(rows, "code")), ("engine", _distinct(rows, "engine"))]
    for title, names in (
        ("technology", ("technology", "technology_sha256")),
        ("trace", ("trace", "trace_sha256")),
        ("images", ("network", "dataset", "image_ids")),
    ):
        found = dict.fromkeys(tuple(str(row[name]) for name in names) for row in rows)
        facts += [(title, " ".join(each)) for each in found]
    fields = [name for name in rows[0] if "." in name or name in ("clock_mhz", "cores", "split")]
    common = {name: rows[0][name] for name in fields if len({repr(row[name]) for row in rows}) == 1}
    texts = {f"Sweep {name}": text for name, text in sweeps.items() if text.strip()}
    texts["Fields that all machines share"] = _yaml(common)
    return [Section("Results database", facts, texts)]


def _distinct(rows: Iterable[Row], name: str) -> str:
    return ", ".join(dict.fromkeys(str(row[name]) for row in rows))


def _flat(data: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}: ")
        else:
            yield f"{prefix}{key}", value


def _words(name: str) -> str:
    return name.replace("_", " ")


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _yaml(content: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=100)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
