"""What stands between markers is replaced, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.errors import AccelsimError
from accelsim.marked import between, fill_document

TEXT = "head\n<!-- a -->\nold\n<!-- /a -->\nbetween <!-- a --> them\n<!-- b -->\n<!-- /b -->\ntail"


def test_fills_what_is_marked_and_leaves_the_rest(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(TEXT)
    fill_document(page, {"a": "one\ntwo\n", "b": "three\n"})
    assert page.read_text() == TEXT.replace("old\n", "one\ntwo\n").replace(
        "<!-- b -->\n", "<!-- b -->\nthree\n"
    )
    assert (between(page, "a"), between(page, "b")) == ("one\ntwo\n", "three\n")
    assert [each.name for each in tmp_path.iterdir()] == ["page.md"]


@pytest.mark.parametrize("marker", ["c", "open", "turned"])
def test_leaves_a_document_without_the_markers(tmp_path: Path, marker: str) -> None:
    page = tmp_path / "page.md"
    text = TEXT + "<!-- open -->\n<!-- /turned -->\n<!-- turned -->\n"
    page.write_text(text)
    with pytest.raises(AccelsimError, match=f"without the lines <!-- {marker} -->") as error:
        fill_document(page, {"a": "new\n", marker: "new\n"})
    assert "\n" not in str(error.value)
    assert page.read_text() == text


def test_tells_a_missing_document_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(AccelsimError, match="no such document"):
        between(tmp_path / "none.md", "a")
