"""The documentation site as it is set up, and that its Markdown means the same there as where the repository is read."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import markdown
import pytest
from markdown_it import MarkdownIt
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import Abort, PluginError

from accelsim import Machine
from docs.hooks import site
from tests.docs.blocks import ROOT, documents

TAGS = {"table", "tr", "ul", "ol", "li", "pre", "img", "strong", "em", "a", "p", "h1", "h2", "h3", "h4"}
DOCUMENTS = [path for path in documents() if not path.relative_to(ROOT).parts[0].startswith(".")]


@pytest.fixture(scope="module")
def config() -> MkDocsConfig:
    return load_config(str(ROOT / "mkdocs.yml"))


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ("[there](other.md#a-heading)", None),
        ("[gone](missing.md)", "missing.md"),
        ("[no such heading](other.md#another)", "#another"),
        ("[of this page](#nowhere)", "#nowhere"),
    ],
)
def test_a_broken_link_fails_the_build(
    link: str, told: str | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With this project's settings, on two pages of their own."""
    pages = tmp_path / "docs"
    pages.mkdir()
    (pages / "index.md").write_text(f"# Start\n\n{link}\n")
    (pages / "other.md").write_text("# Other\n\n## A heading\n")
    config = load_config(
        str(ROOT / "mkdocs.yml"),
        nav=["index.md", "other.md"],
        hooks=[],
        plugins=[],
        docs_dir=str(pages),
        site_dir=str(tmp_path / "site"),
    )
    if told is None:
        build(config)
        assert (tmp_path / "site/index.html").exists()
    else:
        with pytest.raises(Abort):
            build(config)
        assert told in caplog.text


def test_the_navigation_has_every_document(config: MkDocsConfig) -> None:
    def pages(entry: Any) -> Iterator[str]:
        if isinstance(entry, str):
            yield entry
        else:
            for each in entry.values() if isinstance(entry, dict) else entry:
                yield from pages(each)

    listed = Counter(pages(config.nav))
    expected = {str(path.relative_to(ROOT)).removeprefix("docs/") for path in DOCUMENTS}
    assert set(listed) == expected - {"README.md"} and set(listed.values()) == {1}


def test_nothing_is_loaded_from_the_network(config: MkDocsConfig) -> None:
    assert config.theme["font"] is False
    assert any(name.rpartition("/")[2] == "offline" for name in config.plugins)
    for asset in (ROOT / "docs/assets").rglob("*.*s"):
        assert "http" not in asset.read_text()
    for script in config.extra["polyfills"]:
        assert (ROOT / "docs" / script).exists()


class _Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in TAGS:
            self.found[tag] += 1


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_markdown_means_the_same_on_the_site(document: Path, config: MkDocsConfig) -> None:
    """Python-Markdown differs from CommonMark: a list needs an empty line before it, a nested one four spaces."""
    text = document.read_text(encoding="utf-8")
    skipped = {
        "toc",
        "pymdownx.highlight",
        "pymdownx.magiclink",
    }  # these add links, or take them from the config
    extensions = [name for name in config.markdown_extensions if name not in skipped]
    here = _Tags(MarkdownIt("commonmark").enable("table").render(text)).found
    there = _Tags(markdown.markdown(text, extensions=extensions)).found
    assert there == here


@pytest.mark.parametrize(
    ("source", "link", "shown"),
    [
        ("search.md", "[b](../benchmarks/README.md)", "[b](benchmarks/README.md)"),
        ("how-to/own-model.md", "[m](../../models/README.md)", "[m](../models/README.md)"),
        ("traces/README.md", "[s](../docs/spiking.md)", "[s](../spiking.md)"),
        ("traces/README.md", "[c](../docs/machine.md#7-counts)", "[c](../machine.md#7-counts)"),
        ("notebooks.md", "[f](../notebooks/figure5.ipynb)", "[f](notebooks/figure5.ipynb)"),
        ("index.md", "[p](https://example.org/a.md)", "[p](https://example.org/a.md)"),
        ("index.md", "```text\n[x](nowhere.md)\n```", "```text\n[x](nowhere.md)\n```"),
    ],
)
def test_links_out_of_docs_lead_to_pages(source: str, link: str, shown: str) -> None:
    assert site.on_page_markdown(link, page=_Page(source)) == shown


@pytest.mark.parametrize("link", ["[a](nowhere.md)", "[b](../accelsim/errors.py)", "[c](../models/)"])
def test_a_link_that_the_site_cannot_follow_is_told(link: str) -> None:
    with pytest.raises(PluginError, match=r"index\.md: links to"):
        site.on_page_markdown(link, page=_Page("index.md"))


class _Page:
    def __init__(self, source: str) -> None:
        self.file = type("_File", (), {"src_uri": source})()


PICTURES = sorted((ROOT / "docs/images").glob("*.svg"))


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_drawings_are_whole_dark_and_told_in_words(picture: Path) -> None:
    root = ET.fromstring(picture.read_text(encoding="utf-8"))
    space = {"s": "http://www.w3.org/2000/svg"}
    assert root.findtext("s:title", namespaces=space) and root.findtext("s:desc", namespaces=space)
    style = root.findtext("s:style", "", space)
    light, _, dark = style.partition("@media (prefers-color-scheme: dark)")
    classes = {name for each in root.iter() for name in each.get("class", "").split()} - {"title"}
    for name in classes - {"small", "code"}:
        assert f".{name} {{" in light and f".{name} {{" in dark, name
    assert "http" not in re.sub(r'xmlns="[^"]+"', "", picture.read_text(encoding="utf-8"))
    width, height = (float(value) for value in root.get("viewBox", "").split()[2:])
    for box in root.iterfind("s:rect", space):
        assert float(box.get("x", 0)) + float(box.get("width", 0)) <= width
        assert float(box.get("y", 0)) + float(box.get("height", 0)) <= height


def test_the_block_diagram_names_sections_of_a_machine() -> None:
    root = ET.fromstring((ROOT / "docs/images/machine.svg").read_text(encoding="utf-8"))
    named = {each.text for each in root.iter() if each.get("class") == "code"}
    assert {name.partition(".")[0] for name in named if name} <= set(Machine.model_fields)
    sections = {
        "mvu",
        "weight_sram",
        "input_sram",
        "patch_buffer",
        "result_buffer",
        "output_sram",
        "projection",
    }
    assert sections | {"selector", "sequencer", "dram"} <= {name.partition(".")[0] for name in named if name}


def test_the_drawn_schedule_is_worked_example_2() -> None:
    """Each slice as machine.md tells it: `Fetch(0) 0-12`, `approximate(1) 20-28`, ..."""
    text = (ROOT / "docs/machine.md").read_text(encoding="utf-8")
    example = text[text.index("**Example 2, N:M.**") : text.index("**Example 3")]
    told = {
        ("fetch 0", "Fetch(0) 0-12"), ("fetch 1", "fetch(1) 12-18"),
        ("approximate 0", "Approximate(0) 12-20"), ("approximate 1", "approximate(1) 20-28"),
        ("select 0", "Select(0) 23-27"), ("s. 1", "Select(1) 31-33"),
        ("prec. 0", "precise(0): 28-32"), ("prec. 1", "precise(1) 34-38"),
        ("z~ 0", "(0) 23-27"), ("z~ 1", "(1) 31-33"), ("z 0", "(0) 35-39"), ("z 1", "(1) 41-43"),
    }  # fmt: skip
    drawn = _slices((ROOT / "docs/images/schedule.svg").read_text(encoding="utf-8"))
    assert len(drawn) == len(told)
    for label, words in told:
        assert words in example, words
        start, end = re.findall(r"(\d+)-(\d+)", words)[0]
        assert drawn[label] == (int(start), int(end)), label


def _slices(picture: str) -> dict[str, tuple[int, int]]:
    """First and last cycle of each job by its label; a cycle is as wide as between two of the numbers below."""
    space = {"s": "http://www.w3.org/2000/svg"}
    root = ET.fromstring(picture)
    texts = root.findall("s:text", space)
    at = {int(each.text or ""): float(each.get("x", 0)) for each in texts if (each.text or "").isdigit()}
    per_cycle = (at[40] - at[0]) / 40
    found = {}
    boxes = [box for box in root.iterfind("s:rect", space) if box.get("class") != "page"]
    for box in boxes:
        left, width = float(box.get("x", 0)), float(box.get("width", 0))
        middle, top = left + width / 2, float(box.get("y", 0))
        (label,) = [
            each.text or ""
            for each in texts
            if float(each.get("x", 0)) == middle
            and 0 < float(each.get("y", 0)) - top < float(box.get("height", 0))
        ]
        found[label] = (round((left - at[0]) / per_cycle), round((left + width - at[0]) / per_cycle))
    return found
