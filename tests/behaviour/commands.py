"""Sections that run commands of `accelsim` and read the files and JSON that they write, never the terminal's tables."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import tempfile
from pathlib import Path
from typing import Any

from accelsim.cli import main
from tests.behaviour.fingerprint import (
    csv_values,
    numbers_in,
    numbers_only,
    schema_shape,
    sha256,
    significant,
    table_keys,
    without,
)

SCHEMA_KINDS = ("machine", "technology", "sweep", "recipe", "adversarial-recipe", "robust-recipe")

DRAWN_COLUMNS = ("_p5", "_p95", "_published", "_low", "_high")
"""Ends of the names of columns that come from matrix products, whose last bits depend on the processor."""

RESULT_PROVENANCE = ("id", "code", "trace", "group")

SWEEP = """
format: accelsim-sweep/1
name: tiny
machines: [structured, unstructured, dense]
traces: [resnet18-w16-at-cifar10]
schemes: [dense, nm-1of8, unstructured-87.5]
images: ["0:1"]
axes:
  mvu.vpus: [8, 16]
  sequencer.lookahead: [0, 2]
where:
  - scheme.kind != "dense" or name == "dense"
"""

TIMELINES = {
    "structured": ("resnet18-w16-at-cifar10", "structured", "nm-2of8", "layer1.0.conv1", "0..5"),
    "unstructured": (
        "resnet18-w16-at-cifar10",
        "unstructured",
        "unstructured-87.5",
        "layer3.0.conv2",
        "2..6",
    ),
    "spiking": ("snn-nit-mnist", "spiking-noise", "dense", "fc2", "0..0"),
}
"""Trace, machine, scheme, layer and blocks."""


def accelsim(*arguments: str | Path) -> str:
    """Run a command in this process and return what it prints on stdout.

    Raises:
        RuntimeError: With what it printed on stderr, if it fails.
    """
    out, errors = io.StringIO(), io.StringIO()
    status: object = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stop:
            status = stop.code or 0
    if status != 0:
        raise RuntimeError(f"accelsim {arguments[0]}: exit {status}: {errors.getvalue()}")
    return out.getvalue()


def figure5() -> dict[str, str]:
    """Hash every table that `accelsim figure5` writes about one image, with the default draws."""
    with tempfile.TemporaryDirectory() as folder:
        accelsim("figure5", "--images", "0:1", "--out", folder)
        where = Path(folder)
        keys: dict[str, str] = {}
        for path in sorted(where.glob("*.csv")):
            keys |= table_keys(path.name, _read(path))
        for path in sorted(where.glob("*.md")):
            keys[f"{path.name}/numbers"] = sha256(numbers_in(path.read_text()))
        summary = json.loads((where / "results.json").read_text())["summary"]
        keys |= table_keys("results.json", summary)
        claims = json.loads((where / "claims.json").read_text())
        files = sorted(path.name for path in where.iterdir())
    keys["files"] = sha256([name for name in files if not name.endswith((".png", ".svg"))])
    keys["claims.json/verdicts"] = sha256(
        [
            (each["name"], each["network"], each["holds"], _draws(each, "share"), _draws(each, "published"))
            for each in claims
        ]
    )
    keys["claims.json/evidence"] = sha256([numbers_in(each["evidence"]) for each in claims])
    keys["claims.json/changed_by"] = sha256([_draws(each, "changed_by") for each in claims])
    return keys


def _draws(claim: dict[str, Any], name: str) -> Any:
    return (claim["under_draws"] or {}).get(name)


def summaries() -> dict[str, str]:
    """Hash the JSON of compare and bitops, and what inspect and area say of the bundled machines."""
    trace = "resnet18-cifar10"
    with tempfile.TemporaryDirectory() as folder:
        compared = json.loads(accelsim("compare", trace, "--images", "0:1", "--json", "--out", folder))
        summary = _read(Path(folder) / "summary.csv")
    keys = table_keys("compare/json", compared["table"]) | table_keys("compare/summary.csv", summary)
    for network in ("resnet18-cifar10", "wrn34-10-cifar10", "ann-mnist"):
        rows = json.loads(accelsim("bitops", network, "--images", "0:1", "--json"))
        keys[f"bitops/{network}"] = sha256(rows)
    keys["bitops/published"] = sha256(json.loads(accelsim("bitops", "--json")))
    areas = json.loads(accelsim("area", "unstructured", "structured", "dense", "--json"))
    keys["area"] = sha256(without(areas))
    for machine in ("dense", "structured", "unstructured", "spiking-noise"):
        inspected = json.loads(accelsim("inspect", machine, "--json"))
        told = {key: each for key, each in inspected["machine"].items() if not key.endswith("sha256")}
        del inspected["machine"]
        inspected["config"].pop("description", None)
        keys[f"inspect/{machine}"] = sha256([told, inspected])
    return keys


def sweep() -> dict[str, str]:
    """Hash the points of a tiny sweep as `results` and `pareto` export them."""
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        (where / "tiny.yaml").write_text(SWEEP)
        database = where / "tiny.db"
        accelsim("sweep", where / "tiny.yaml", "--db", database, "--json")
        accelsim("results", database, "--sweep", "tiny", "--columns", "all", "--out", where / "results.csv")
        accelsim("pareto", database, "--out", where / "front.csv")
        points, front = (
            [without(row, RESULT_PROVENANCE) for row in _read(where / name)]
            for name in ("results.csv", "front.csv")
        )
    # Ids order the points of a database; they are hashes of provenance too.
    names = ("machine", "scheme", "mvu.vpus", "sequencer.lookahead", "front")
    on_front = sorted([str(row[name]) for name in names] for row in front)
    return table_keys("results.csv", points) | {"front.csv": sha256(on_front)}


def timelines() -> dict[str, str]:
    """Hash the JSON and VCD timelines of a few blocks: what happens when, and apart from it how it is named."""
    keys: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (trace, machine, scheme, layer, blocks) in TIMELINES.items():
            where = Path(folder) / name
            places = ["--out", f"{where}.json", "--out", f"{where}.vcd"]
            choice = ["--machine", machine, "--scheme", scheme, "--layer", layer, "--blocks", blocks]
            told = json.loads(accelsim("timeline", trace, *choice, *places, "--json"))
            keys[f"{name}/summary"] = sha256(without(told))
            events = json.loads(Path(f"{where}.json").read_text())["traceEvents"]
            keys[f"{name}/json/numbers"] = sha256(numbers_only(events))
            keys[f"{name}/json/names"] = sha256(events)
            heading, _, changes = Path(f"{where}.vcd").read_text().partition("$enddefinitions $end")
            keys[f"{name}/vcd/changes"] = sha256(changes)
            keys[f"{name}/vcd/names"] = sha256(
                re.findall(r"^\$(?:scope|var|upscope).*", heading, re.MULTILINE)
            )
    return keys


def schemas() -> dict[str, str]:
    """Hash what the JSON Schema of each kind of file allows, without its prose."""
    return {kind: sha256(schema_shape(json.loads(accelsim("schema", kind)))) for kind in SCHEMA_KINDS}


def _read(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a CSV file; what was drawn is rounded."""
    with path.open(newline="") as file:
        rows = csv_values(csv.DictReader(file))
    return [
        {name: significant(each) if name.endswith(DRAWN_COLUMNS) else each for name, each in row.items()}
        for row in rows
    ]
