"""Tables as Markdown, CSV and terminal text."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.errors import AccelsimError
from accelsim.tables import alignment, csv_text, frame_of, markdown_table, print_table, write_csv

NUMBERS = st.integers() | st.floats(allow_nan=False)
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1)


def test_markdown_aligns_by_type_and_formats_by_column() -> None:
    frame = frame_of(
        [["dense", 3, 0.5, None], ["nm-1of8", None, math.nan, 2]], ["scheme", "n", "share", "share"]
    )
    assert markdown_table(frame, formats={"share": ".2f"}, missing="-") == (
        "| scheme | n | share | share |\n"
        "| --- | ---: | ---: | ---: |\n"
        "| dense | 3 | 0.50 | - |\n"
        "| nm-1of8 | - | - | 2.00 |\n"
    )


def test_markdown_alignment_is_given_for_text_that_holds_numbers() -> None:
    frame = frame_of([["a", "1 [0, 2]"]], ["name", "value"])
    assert alignment(frame) == "ll"
    assert markdown_table(frame, align="lr").splitlines()[1] == "| --- | ---: |"


@settings(deadline=None)
@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), min_size=1))
def test_any_text_leaves_one_line_per_row_and_its_cells(rows: list[list[str]]) -> None:
    lines = markdown_table(frame_of(rows, ["a", "b|c"])).split("\n")
    assert lines[-1] == "" and len(lines) == len(rows) + 3
    assert all(line.replace("\\|", "").count("|") == 3 for line in lines[:-1])


@settings(deadline=None)
@given(st.lists(st.tuples(NUMBERS | st.none(), TEXTS | st.none()), min_size=1))
def test_csv_reads_back_exactly(rows: list[tuple[float | None, str | None]]) -> None:
    text = csv_text(frame_of(rows, ["number", "text"]))
    titles, *read = csv.reader(io.StringIO(text, newline=""))
    assert titles == ["number", "text"]
    for (number, name), (shown, shown_name) in zip(rows, read, strict=True):
        assert shown_name == (name or "")
        assert shown == "" if number is None else type(number)(shown) == number


def test_csv_of_missing_values_is_empty_cells_and_integers_stay_integers() -> None:
    frame = frame_of([{"n": 1, "x": math.nan}, {"n": None, "x": 0.1}])
    assert csv_text(frame) == "n,x\n1,\n,0.1\n"
    assert csv_text(pd.DataFrame({"x": [1 / 3, math.nan]})) == 'x\n0.3333333333333333\n""\n'
    assert csv_text(frame_of([], ["a", "b"])) == "a,b\n"
    assert csv_text(frame, formats={"x": ".2f"}) == "n,x\n1,\n,0.10\n"


def test_csv_is_written_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "table.csv"
    assert write_csv(frame_of([["ü"]], ["a"]), path).read_bytes() == "a\nü\n".encode()

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(AccelsimError, match=r"table\.csv: cannot write: No space left on device"):
        write_csv(frame_of([["b"]], ["a"]), path)
    assert path.read_bytes() == "a\nü\n".encode() and len(list(path.parent.iterdir())) == 1


def test_terminal_table_cuts_nothing_and_acts_on_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 500
    print_table(frame_of([["[red]a\x1b[31m", 1.5], [long, None]], ["name", "n"]), title="t", missing="-")
    title, head, first, second = capsys.readouterr().out.splitlines()
    assert (title, head.split()) == ("t", ["name", "n"])
    assert first.split() == [r"[red]a\x1b[31m", "1.5"] and second == f"{long}    -"
