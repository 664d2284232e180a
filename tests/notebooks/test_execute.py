"""The runner: a notebook is replaced by one whole run of itself, or not at all."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from accelsim.errors import AccelsimError
from notebooks import execute


def write(path: Path, *sources: str) -> bytes:
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    notebook.metadata["authors"] = [{"name": "someone"}]
    nbformat.write(notebook, path)
    return path.read_bytes()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(execute, "HERE", tmp_path)
    return tmp_path


@pytest.mark.slow
def test_outputs_are_written_in_place_and_nothing_else_stays(folder: Path) -> None:
    write(folder / "sum.ipynb", "open('left', 'w').write('x')\n1 + 1", "print('a')\nprint('b')")
    assert execute.main(["sum"]) == 0
    notebook = nbformat.read(folder / "sum.ipynb", as_version=4)
    assert execute.printed(notebook) == ["2", "a\nb\n"]
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert [path.name for path in folder.iterdir()] == ["sum.ipynb"]


@pytest.mark.slow
def test_a_failing_cell_is_told_and_the_file_stays(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = write(folder / "bad.ipynb", "1 + 1", "1 / 0")
    assert execute.main([]) == 2
    assert "bad.ipynb" in (told := capsys.readouterr().err) and "ZeroDivisionError" in told
    assert (folder / "bad.ipynb").read_bytes() == before


@pytest.mark.slow
def test_a_kernel_that_dies_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = write(folder / "dead.ipynb", "import os\nos._exit(1)")
    assert execute.main([]) == 2
    assert "dead.ipynb: the kernel did not start, or ended" in capsys.readouterr().err
    assert (folder / "dead.ipynb").read_bytes() == before


def test_an_unknown_name_is_told(folder: Path) -> None:
    write(folder / "sum.ipynb", "1")
    with pytest.raises(AccelsimError, match=r"no 'sun'.*sum"):
        execute.notebooks(["sun"])


def test_pieces_of_a_stream_become_one_but_streams_stay_apart() -> None:
    cell = new_code_cell("...")
    cell.outputs = [
        new_output("stream", name=name, text=text)
        for name, text in (("stdout", "a"), ("stdout", "b"), ("stderr", "c"), ("stdout", "d"))
    ]
    execute.tidy(new_notebook(cells=[cell]))
    assert [(each.name, each.text) for each in cell.outputs] == [
        ("stdout", "ab"),
        ("stderr", "c"),
        ("stdout", "d"),
    ]
