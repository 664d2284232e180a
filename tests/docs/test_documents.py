"""What the documents say is what the code does: their links lead somewhere, their tables are fresh."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from accelsim import Machine, figure5
from accelsim.components.sram import Sram
from accelsim.counts import COUNT_NAMES
from docs.refresh import energy_content, machine_content, sweeps_content

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [ROOT / "README.md", ROOT / "traces/README.md", ROOT / "models/README.md", *(ROOT / "docs").glob("*.md")]
)


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


@pytest.mark.parametrize(("document", "contents"), [("energy", energy_content), ("machine", machine_content)])
def test_tables_come_from_the_technology_the_machines_and_the_components(
    document: str, contents: Callable[[], dict[str, str]]
) -> None:
    text = (ROOT / f"docs/{document}.md").read_text()
    for marker, content in contents().items():
        (shown,) = re.findall(rf"<!-- {marker} -->\n(.*?)<!-- /{marker} -->", text, re.DOTALL)
        assert shown == content, marker


@pytest.mark.slow
def test_the_tables_of_reproduction_md_come_from_this_code() -> None:
    text = (ROOT / "docs/reproduction.md").read_text()
    shown = text[
        text.index("<!-- figure5 -->\n") + len("<!-- figure5 -->\n") : text.index("<!-- /figure5 -->")
    ]
    assert shown == figure5().markdown


@pytest.mark.slow
def test_the_tables_of_sweeps_md_come_from_this_code() -> None:
    text = (ROOT / "docs/sweeps.md").read_text()
    (shown,) = re.findall(r"<!-- sweep -->\n(.*?)<!-- /sweep -->", text, re.DOTALL)
    assert shown == sweeps_content()
