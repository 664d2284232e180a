"""What the documents say is what the code does: their code runs, their links lead somewhere, their tables are fresh."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from accelsim import Machine, figure5
from accelsim.counts import Counts

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
    named = set(re.findall(r"`(\w+)`", section))
    expanded = {
        f"{work}_{part}_cycles"
        for work in ("approximate", "precise")
        for part in ("issue", "port_stall", "bubble")
    }
    missing = {field.name for field in fields(Counts)} - named - expanded - {"weight_sram_reads_16bit"}
    assert missing == set()


def test_machine_md_names_every_parameter() -> None:
    text = (ROOT / "docs/machine.md").read_text()
    for section, field in Machine.model_fields.items():
        assert section in ("format", "name", "description") or section in text, section
        inner = getattr(field.annotation, "model_fields", {})
        for name in inner:
            assert name in text, f"{section}.{name}"


@pytest.mark.slow
def test_the_tables_of_reproduction_md_come_from_this_code() -> None:
    text = (ROOT / "docs/reproduction.md").read_text()
    shown = text[
        text.index("<!-- figure5 -->\n") + len("<!-- figure5 -->\n") : text.index("<!-- /figure5 -->")
    ]
    assert shown == figure5().markdown
