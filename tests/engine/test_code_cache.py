"""Compiled code on disk is out of date as soon as any source of the compiled engine changes, wherever it is kept."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import accelsim

ENTRY = """
from accelsim.engine.compiled.jit import compiled
from accelsim.engine.compiled.probe_piece import Shape, scaled

@compiled
def probe(shape):
    return scaled(shape)
"""

PIECE = """
from typing import NamedTuple
from accelsim.engine.compiled.jit import helper

class Shape(NamedTuple):
    rows: int

@helper
def scaled(shape):
    return shape.rows * 2
"""

PROGRAM = """
import json
from accelsim.engine.compiled import probe_entry
value = probe_entry.probe(probe_entry.Shape(21))
print(json.dumps([value, sum(probe_entry.probe.stats.cache_hits.values()), probe_entry.probe.stats.cache_path]))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package with two more files in the compiled engine: a function, and what it calls."""
    shutil.copytree(
        Path(accelsim.__file__).parent, tmp_path / "accelsim", ignore=shutil.ignore_patterns("__pycache__")
    )
    folder = tmp_path / "accelsim" / "engine" / "compiled"
    (folder / "probe_entry.py").write_text(ENTRY)
    (folder / "probe_piece.py").write_text(PIECE)
    return folder


def run(package: Path, **variables: str) -> tuple[int, int, Path]:
    """Call the function in a fresh process: its value, how often its code came from the disk, and from where."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment | {"PYTHONPATH": str(package.parents[2])} | variables,
        cwd=package.parents[2],
        check=True,
        capture_output=True,
        text=True,
    )
    content: list[Any] = json.loads(done.stdout)
    return content[0], content[1], Path(content[2])


def test_an_edit_of_any_piece_is_noticed(package: Path) -> None:
    place = package / "__pycache__"
    assert run(package) == (42, 0, place)
    assert run(package) == (42, 1, place)
    piece = package / "probe_piece.py"
    piece.write_text(PIECE.replace("* 2", "* 3"))
    assert run(package) == (63, 0, place)
    # A type that the code on disk refers to is gone: that code cannot even be read.
    piece.write_text(piece.read_text().replace("Shape", "Form"))
    entry = package / "probe_entry.py"
    entry.write_text(ENTRY.replace("import Shape, scaled", "import scaled, Form as Shape"))
    assert run(package) == (63, 0, place)
    assert run(package) == (63, 1, place)
    other = package / "held_rows.py"  # no part of the function, but nobody can know that
    other.write_text(other.read_text() + "# edited\n")
    assert run(package) == (63, 0, place)


def test_the_users_folder_is_used(package: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    assert run(package, NUMBA_CACHE_DIR=str(folder))[:2] == (42, 0)
    value, hits, place = run(package, NUMBA_CACHE_DIR=str(folder))
    assert (value, hits, place.parent) == (42, 1, folder)
    assert not list(package.glob("__pycache__/*.nb?"))
