"""What the documents say is what the code does: their code runs, their links lead somewhere, their tables are fresh."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
from pydantic import BaseModel

from accelsim import Machine, figure5
from accelsim.config.machine import Sram
from accelsim.counts import COUNT_NAMES

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [ROOT / "README.md", ROOT / "traces/README.md", ROOT / "models/README.md", *(ROOT / "docs").glob("*.md")]
)


def test_the_example_of_the_readme_runs(tmp_path: Path) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len([line for line in block.splitlines() if line.strip()]) <= 12
    code = block.replace("out/run", str(tmp_path / "run"))
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "nm-1of8" in done.stdout
    assert (tmp_path / "run" / "layers.csv").exists()


def test_the_example_of_the_models_runs(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra train")
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "models/README.md").read_text(), re.DOTALL)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", block],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "structured" in done.stdout


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), target


def test_machine_md_defines_every_count() -> None:
    text = (ROOT / "docs/machine.md").read_text()
    section = text[text.index("## 7. Counts") : text.index("## 8.")]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([\w*]+)`", row)}
    for count in COUNT_NAMES:
        mode = count.replace("_16bit", "_4bit")
        work = re.sub(r"^(approximate|precise)_.*_cycles$", r"\1_*_cycles", count)
        somewhere = count in named or work in named or mode in named or f"`{count}`" in section
        assert somewhere, count


def test_machine_md_has_a_row_for_every_parameter() -> None:
    text = (ROOT / "docs/machine.md").read_text()
    table = text[text.index("## 10. Parameters") :]
    cells = {
        name
        for line in table.splitlines()
        if line.startswith("|")
        for name in re.findall(r"`([^`]+)`", line.split("|")[1])
    }

    def sections(annotation: object) -> list[type[BaseModel]]:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return [annotation]
        return [model for part in get_args(annotation) for model in sections(part)]

    checked = 0
    for section, field in Machine.model_fields.items():
        models = sections(field.annotation)
        if not models:
            assert section in cells, section
        for model in models:
            for name in model.model_fields:
                shared = f".{name}" if issubclass(model, Sram) else None
                assert f"{section}.{name}" in cells or shared in cells, f"{section}.{name}"
                checked += 1
    assert checked > 25  # projection, selector and dram are optional sections: they are looked at too


def test_the_tables_of_energy_md_come_from_the_technology_and_the_machines() -> None:
    text = (ROOT / "docs/energy.md").read_text()
    for marker, content in _refresh().energy_content().items():
        (shown,) = re.findall(rf"<!-- {marker} -->\n(.*?)<!-- /{marker} -->", text, re.DOTALL)
        assert shown == content, marker


def _refresh() -> ModuleType:
    loaded = importlib.util.spec_from_file_location("refresh", ROOT / "docs/refresh.py")
    assert loaded is not None and loaded.loader is not None
    refresh = importlib.util.module_from_spec(loaded)
    loaded.loader.exec_module(refresh)
    return refresh


@pytest.mark.slow
def test_the_tables_of_reproduction_md_come_from_this_code() -> None:
    text = (ROOT / "docs/reproduction.md").read_text()
    shown = text[
        text.index("<!-- figure5 -->\n") + len("<!-- figure5 -->\n") : text.index("<!-- /figure5 -->")
    ]
    assert shown == figure5().markdown


def test_the_search_of_search_md_runs(tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="needs the extra search")
    text = (ROOT / "docs/search.md").read_text()
    ((spec,), (commands,)) = (re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("yaml", "sh"))
    (tmp_path / "mine.yaml").write_text(spec)
    for line in commands.replace("--trials 200", "--trials 8").splitlines():
        program, *arguments = line.split()
        assert program == "accelsim"
        subprocess.run([sys.executable, "-m", "accelsim", *arguments], cwd=tmp_path, check=True)
    assert (tmp_path / "out/front.png").exists() and (tmp_path / "out/front.csv").exists()


@pytest.mark.parametrize("document", ["README.md", "docs/sweeps.md"])
def test_the_sweep_of_the_documents_runs(document: str, tmp_path: Path) -> None:
    text = (ROOT / document).read_text()
    (spec,) = re.findall(r"```yaml\n(format: accelsim-sweep.*?)```", text, re.DOTALL)
    (commands,) = (
        block for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "accelsim sweep" in block
    )
    (tmp_path / "mine.yaml").write_text(spec)
    for line in commands.splitlines():
        program, *arguments = shlex.split(line, comments=True)
        assert program == "accelsim"
        command = [sys.executable, "-m", "accelsim", *arguments]
        done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
        assert "failed" not in done.stdout
    assert re.search(r"(^|\()[1-9][0-9]* of [1-9][0-9]* points", done.stdout, re.MULTILINE)
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if document == "docs/sweeps.md" else ():
        command = [sys.executable, "-c", code]
        assert (
            "nm-1of8"
            in subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
        )


@pytest.mark.slow
def test_the_tables_of_sweeps_md_come_from_this_code() -> None:
    text = (ROOT / "docs/sweeps.md").read_text()
    (shown,) = re.findall(r"<!-- sweep -->\n(.*?)<!-- /sweep -->", text, re.DOTALL)
    assert shown == _refresh().sweeps_content()
