"""What is wrong with the input is told in one line, with exit code 2; a page that is there stays as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from accelsim.cli import main
from accelsim.report.html import page_tables as tables


class Call:
    """One call of the command."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(["report", *map(str, arguments)])
        captured = self._capsys.readouterr()
        return int(caught.value.code or 0), captured.out, captured.err


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Call:
    return Call(capsys)


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    content = change(content) or content
    path.write_text(json.dumps(content), encoding="utf-8")


def edit_layers(folder: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    change(pd.read_parquet(folder / "layers.parquet")).to_parquet(folder / "layers.parquet")


def test_the_command(report: Call, whole_folder: Path, database: Path, tmp_path: Path) -> None:
    place = tmp_path / "new" / "page.html"
    code, out, err = report(whole_folder, database, "--html", place, "--title", "Mine & yours")
    assert (code, err) == (0, "")
    assert out.startswith(f"written: {place} (1.")
    assert "<title>Mine &amp; yours " in place.read_text(encoding="utf-8")


def test_narrowed_points(report: Call, database: Path, tmp_path: Path) -> None:
    from tests.report.html.reading import parsed, rows

    place = tmp_path / "page.html"
    options = [
        "--sweep",
        "sizes",
        "--where",
        "noise > 0.8",
        "--objectives",
        "edp_pj_us,area_mm2",
        "--per",
        "scheme",
    ]
    assert report(database, "--html", place, *options)[0] == 0
    found = parsed(place)
    points = rows(found.data["points"])
    assert {row["noise"] for row in points} == {0.875} and len({row["group"] for row in points}) == 2
    assert "noise > 0.8" in found.text and found.data["points"]["objectives"] == ["edp_pj_us", "area_mm2"]


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no results": (
        lambda folder: (folder / "results.json").unlink(),
        "results.json: no such file of results",
    ),
    "no layers": (
        lambda folder: (folder / "layers.parquet").unlink(),
        "layers.parquet: no such file of results",
    ),
    "no JSON": (lambda folder: (folder / "results.json").write_text('{"summary": ['), "not JSON"),
    "no text": (lambda folder: (folder / "results.json").write_bytes(b"\xff\xfe\x00"), "not UTF-8 text"),
    "deep": (lambda folder: (folder / "results.json").write_text("[" * 100_000), "not JSON"),
    "a list": (lambda folder: (folder / "results.json").write_text("[]"), "run it again"),
    "no rows": (lambda folder: edit(folder / "results.json", lambda c: c | {"summary": []}), "no results"),
    "no machine": (
        lambda folder: edit(
            folder / "results.json", lambda c: c["provenance"]["machines"].pop("dense") and c
        ),
        "no machines entry for dense",
    ),
    "no VPUs": (
        lambda folder: edit(
            folder / "results.json",
            lambda c: c["provenance"]["machines"]["dense"]["config"]["mvu"].pop("vpus") and c,
        ),
        "provenance.machines.dense.config.mvu.vpus: Field required",
    ),
    "a cost in words": (
        lambda folder: edit(folder / "results.json", lambda c: c["summary"][0].update(energy_pj="much")),
        "energy_pj is not all numbers",
    ),
    "another kind": (
        lambda folder: edit(folder / "results.json", lambda c: c["summary"][0].update(kind="striped")),
        "kind of schemes 'striped' is unknown; allowed: dense, unstructured, nm",
    ),
    "another scheme": (
        lambda folder: edit_layers(folder, lambda table: table.assign(scheme="stripes")),
        "different runs",
    ),
    "no parquet": (lambda folder: (folder / "layers.parquet").write_bytes(b"PAR1" * 9), "cannot read"),
    "a column less": (
        lambda folder: edit_layers(folder, lambda table: table.drop(columns="blocks")),
        "blocks",
    ),
    "half a run": (lambda folder: edit_layers(folder, lambda table: table.iloc[:-1]), "different runs"),
    "other layers": (
        lambda folder: edit_layers(folder, lambda table: table.assign(energy_pj=2 * table["energy_pj"])),
        "different runs",
    ),
    "another figure": (
        lambda folder: (
            pd.read_csv(folder / "figure5.csv").iloc[1:].to_csv(folder / "figure5.csv", index=False)
        ),
        "figure5.csv: of another run",
    ),
    "no figure": (lambda folder: (folder / "figure5.csv").write_text(""), "figure5.csv: cannot read"),
    "no claims": (
        lambda folder: (folder / "claims.json").write_text('[{"name": 1}]'),
        "claims.json: not what",
    ),
    "claims in words": (
        lambda folder: (folder / "claims.json").write_text('["all"]'),
        "claims.json: not what",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_a_folder(report: Call, folder: Path, tmp_path: Path, fault: str) -> None:
    page = tmp_path / "page.html"
    page.write_text("as it was")
    harm, said = FAULTS[fault]
    harm(folder)
    code, out, err = report(folder, "--html", page)
    assert (code, out) == (2, "")
    assert err.startswith("accelsim: ") and err.count("\n") == 1 and said in err, err
    assert page.read_text() == "as it was"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["DB", "--html", "page.txt"], "allowed are files that end in .html or .htm"),
        (["DB", "--html", "page"], "allowed are files"),
        (["DB", "DB", "--html", "page.html"], "one folder of results, one results database"),
        (["FOLDER", "FOLDER", "--html", "page.html"], "one folder of results, one results database"),
        (["FOLDER/results.json", "--html", "page.html"], "give the folder, not a file of it"),
        (["nowhere", "--html", "page.html"], "run --out nowhere makes a folder"),
        (["FOLDER", "--where", "noise > 0", "--html", "page.html"], "about a results database"),
        (["DB", "--sweep", "other", "--html", "page.html"], "no sweep 'other'; allowed: sizes"),
        (["DB", "--where", "noises > 0", "--html", "page.html"], "noises"),
        (["DB", "--where", "noise > 1", "--html", "page.html"], "no points that ran"),
        (["DB", "--objectives", "energy", "--html", "page.html"], "did you mean `energy_pj`?"),
        (["FOLDER", "--technology", "nowhere", "--html", "page.html"], "nowhere"),
        (["DB"], "Missing option '--html'"),
        (["--html", "page.html"], "Missing argument"),
    ],
)
def test_faults_of_a_call(
    report: Call, whole_folder: Path, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: list[str], said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    stand_for = {
        "DB": str(database),
        "FOLDER": str(whole_folder),
        "FOLDER/results.json": str(whole_folder / "results.json"),
    }
    code, out, err = report(*(stand_for.get(each, each) for each in arguments))
    assert (code, out) == (2, "")
    assert err.count("\n") == 1 and said in err, err
    assert not list(tmp_path.iterdir())


def test_a_folder_in_the_way(report: Call, database: Path, tmp_path: Path) -> None:
    (tmp_path / "page.html").mkdir()
    code, _, err = report(database, "--html", tmp_path / "page.html")
    assert code == 2 and "is a folder" in err
    (tmp_path / "file").write_text("")
    code, _, err = report(database, "--html", tmp_path / "file" / "page.html")
    assert code == 2 and "cannot write" in err


def test_too_much_for_a_page(
    report: Call, whole_folder: Path, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MAX_POINTS", 15)
    monkeypatch.setattr(tables, "MAX_LAYER_ROWS", 39)
    code, _, err = report(database, "--html", tmp_path / "page.html")
    assert code == 2 and "16 points, more than the 15" in err and "--where" in err
    assert report(database, "--where", "noise > 0.8", "--html", tmp_path / "page.html")[0] == 0
    code, _, err = report(whole_folder, "--html", tmp_path / "page.html")
    assert code == 2 and "40 layers x schemes, more than the 39" in err
