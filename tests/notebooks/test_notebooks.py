"""Every notebook runs, and what is committed of it is whole, small, clean and up to date."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from notebooks.execute import EXACT, KERNEL, executed, notebooks, printed

pytest.importorskip("torch", reason="own_model and random_projection need PyTorch")

MOST_BYTES = 300_000
MACHINE_PATHS = re.compile(r"(?<![\w.])(/(home|root|Users|tmp|var|work|mnt|opt|usr)/|[A-Z]:\\)")
NAMES = [path.stem for path in notebooks()]


def committed(name: str) -> NotebookNode:
    return nbformat.read(notebooks([name])[0], as_version=4)


def test_there_are_the_notebooks_that_the_readme_names() -> None:
    assert {"design_space", "figure5", "own_model", "random_projection"} <= set(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_runs(name: str, tmp_path: Path) -> None:
    fresh = executed(notebooks([name])[0], tmp_path)
    if fresh.metadata.get(EXACT):
        # Word by word: versions of pandas differ in how they space a table.
        shown, expected = ([text.split() for text in printed(each)] for each in (fresh, committed(name)))
        assert shown == expected, f"{name}.ipynb shows other numbers than a run does; run `make notebooks`"


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_those_of_one_whole_run(name: str) -> None:
    cells = [cell for cell in committed(name).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [each for each in outputs if each.output_type == "error" or each.get("name") == "stderr"]
    assert any("image/png" in each.get("data", {}) for each in outputs)


@pytest.mark.parametrize("name", NAMES)
def test_file_is_small_and_says_nothing_of_the_computer(name: str) -> None:
    path, notebook = notebooks([name])[0], committed(name)
    nbformat.validate(notebook)
    assert path.stat().st_size < MOST_BYTES
    assert set(notebook.metadata) <= {"kernelspec", "language_info", EXACT}
    assert notebook.metadata.kernelspec == KERNEL
    assert not any(cell.metadata for cell in notebook.cells)
    shown = (output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", []))
    texts = [text for data in shown for kind, text in data.items() if kind.startswith("text/")]
    sources = [cell.source for cell in notebook.cells]
    assert not MACHINE_PATHS.search("\n".join([*texts, *printed(notebook), *sources]))


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_files(name: str) -> None:
    texts = [cell.source for cell in committed(name).cells if cell.cell_type == "markdown"]
    links = [link for text in texts for link in re.findall(r"\]\((?!https?:)([^)#]+)", text)]
    assert not [link for link in links if not (notebooks([name])[0].parent / link).exists()]
