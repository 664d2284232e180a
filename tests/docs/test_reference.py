"""The reference on the documentation site: every public name has a docstring, and its pages say what the code says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import accelsim
from accelsim.cli import cli
from docs.hooks import cli as command_line
from docs.hooks import modules
from docs.hooks import schema_pages as schemas
from docs.hooks import site_check as check
from docs.hooks.docstrings import as_markdown
from docs.hooks.public_names import module_files, public_names

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("top", ["accelsim", "models"])
def test_every_public_name_has_a_docstring(top: str) -> None:
    files = [(module, file) for module, file in module_files() if module.split(".")[0] == top]
    names = [each for module, file in files for each in public_names(module, file)]
    assert [name for name, docstring in names if not docstring] == []
    assert len(names) > 100


def test_public_names_are_found_in_source(tmp_path: Path) -> None:
    source = tmp_path / "some.py"
    source.write_text(
        'class Base:\n    def run(self):\n        """Runs."""\n\n'
        "class _Hidden(Base):\n    def seen(self): ...\n\n"
        "class Shown(Base):\n    def run(self): ...\n    def forward(self, x): ...\n    def _own(self): ...\n"
        "    @property\n    def size(self): ...\n    @size.setter\n    def size(self, value): ...\n\n"
        "def bare(): ...\n"
    )
    assert dict(public_names("some", source)) == {
        "some.Base": None,
        "some.Base.run": "Runs.",
        "some.Shown": None,
        "some.Shown.size": None,
        "some.bare": None,
    }


def test_every_module_has_its_place_in_the_reference() -> None:
    directives = re.findall(r"^::: (\S+)$", "\n".join(modules.pages().values()), re.MULTILINE)
    assert sorted(directives) == sorted(module for module, _ in module_files())


def test_public_names_are_linked_to_where_they_are_defined() -> None:
    table = modules.public_names()
    for name in accelsim.__all__:
        assert name.startswith("_") or f"| [`{name}`][accelsim." in table, name
    assert "[`simulate`][accelsim.simulate.simulate]" in table  # not the module of that name
    assert (
        "[`Subject`][accelsim.store.point.Subject]" in table
    )  # a union of types, which has no name of its own


def test_the_command_line_page_has_what_help_says() -> None:
    page = command_line.markdown()
    sections = dict(re.findall(r"^## accelsim (.+)\n((?:(?!^## ).*\n)*)", page + "\n", re.MULTILINE))
    assert list(sections) == [path.removeprefix("accelsim ") for path, _ in command_line.commands()]
    assert len(sections) >= 15
    told = 0
    for name, section in sections.items():
        printed = CliRunner().invoke(cli, [*name.split(), "--help"], terminal_width=2000).output
        for option in re.findall(r"^  (--(?!help)[a-z-]+)", printed, re.MULTILINE):
            assert f"<code>{option}" in section, f"{name} {option}"
        examples = re.findall(rf"accelsim {name} \S.*?(?=  |$)", printed, re.MULTILINE)
        assert all(example in section for example in examples)
        told += len(examples)
    assert told >= len(sections)


def test_the_configuration_page_has_every_field_of_every_schema() -> None:
    page = schemas.markdown()

    def fields(schema: object) -> set[str]:
        if isinstance(schema, list):
            return {name for each in schema for name in fields(each)}
        if not isinstance(schema, dict):
            return set()
        own = set(schema["properties"]) if isinstance(schema.get("properties"), dict) else set()
        return own | {name for each in schema.values() for name in fields(each)}

    checked = 0
    for file in sorted((ROOT / "docs/schema").glob("*.json")):
        section = page[page.index(f"## {file.stem.capitalize()} files") :]
        for name in fields(json.loads(file.read_text())) - {"extends"}:
            shown = f"| `{name}` |" in section or re.search(rf"`{{[^}}]*\b{name}\b[^}}]*}}`", section)
            assert shown, f"{file.name}: {name}"
            checked += 1
    assert checked > 100
    for anchor in re.findall(r"\]\(#([\w-]+)\)", page):
        headings = {
            re.sub(r"[: ]+", "-", each.lower()) for each in re.findall(r"^### (.+)$", page, re.MULTILINE)
        }
        assert anchor in headings


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Title: not a parameter.", "Title: not a parameter."),
        ("One.\n\nk: rows\n    of P.\nseed: of P.", "One.\n\n- `k`: rows\n    of P.\n- `seed`: of P."),
        ("One.\n\na, b: both.\nRaises nothing.", "One.\n\n- `a`, `b`: both.\n\nRaises nothing."),
        ("One.\n\nText that goes on\nhere: still text.", "One.\n\nText that goes on\nhere: still text."),
        ("One.\n\nThe API::\n\n    import x", "One.\n\nThe API:\n\n    import x"),
    ],
)
def test_parameters_in_docstrings_become_lists(text: str, shown: str) -> None:
    assert as_markdown(text) == shown


def test_assets_from_the_network_are_noticed() -> None:
    html = (
        '<link rel="stylesheet" href="https://fonts.example/a.css"><script src="//cdn.example/b.js"></script>'
        '<img src="https://example/c.png"><link rel="canonical" href="https://example/">'
        '<a href="https://example/">out</a><img src="images/d.svg"><script src="e.js"></script>'
    )
    assert list(check.remote_assets(html)) == [
        "https://fonts.example/a.css",
        "//cdn.example/b.js",
        "https://example/c.png",
    ]
