"""The page as a file: whole, closed to the network, and never broken by what a name or description says."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

from accelsim import AccelsimError
from accelsim.report.html import write_report
from accelsim.report.html.page import CHARTS, SUFFIXES
from tests.report.html.reading import parsed, rows

NASTY = "</script><script>alert('x')</script><!-- <b>&amp;\u2028 {{ 7 * 7 }}"
SCRIPTS_OF_A_PAGE = 3  # data, charts, and our own


def test_has_what_was_asked_for(page: Path) -> None:
    found = parsed(page)
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    sections = [attributes.get("id") for tag, attributes in found.elements if tag == "section"]
    assert [each for each in sections if each] == [
        "chart-figure5", "claims", "runs", "layers", "pareto", "points", "provenance",
    ]  # fmt: skip
    for _, attributes in found.elements:
        for name in ("aria-labelledby", "for"):
            assert attributes.get(name) is None or attributes[name] in ids
        if str(attributes.get("href", "")).startswith("#"):
            assert str(attributes["href"])[1:] in ids


def test_loads_nothing_and_runs_nothing_but_its_own_scripts(page: Path) -> None:
    found = parsed(page)
    for tag, attributes in found.elements:
        assert "src" not in attributes and tag not in ("iframe", "object", "embed", "base")
        href = attributes.get("href")
        assert href is None or href.startswith("#") or href == "data:,", href
        assert not [name for name in attributes if name.startswith("on")]
    (policy,) = (
        str(attributes["content"])
        for tag, attributes in found.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    directives = dict(each.strip().split(" ", 1) for each in policy.split(";"))
    assert directives["default-src"] == "'none'"
    run = [text for attributes, text in found.scripts if "type" not in attributes]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in run]
    assert directives["script-src"].split() == [f"'sha256-{each}'" for each in hashes]


def test_size(page: Path) -> None:
    assert page.stat().st_size < 1.5e6  # 1.1 of it charts
    assert CHARTS.stat().st_size > 1e6


def test_the_same_results_make_the_same_page(
    page: Path, whole_folder: Path, database: Path, tmp_path: Path
) -> None:
    again = write_report([database, whole_folder], tmp_path / "again.html")
    assert again.read_bytes() == page.read_bytes()


def test_the_charts_are_the_published_file() -> None:
    note = (CHARTS.parent / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(CHARTS.read_bytes()).hexdigest() in note
    for name in ("LICENSE", "NOTICE", "LICENSE-d3"):
        assert (CHARTS.parent / name).stat().st_size > 100


def test_text_from_files_cannot_break_the_page(folder: Path, database: Path, tmp_path: Path) -> None:
    stored = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    stored["provenance"]["machines"]["dense"]["config"]["description"] = NASTY
    stored["provenance"]["traces"]["resnet18"]["notes"] = NASTY
    (folder / "results.json").write_text(json.dumps(stored), encoding="utf-8")
    layers = pd.read_parquet(folder / "layers.parquet")
    layers["layer"] = layers["layer"] + NASTY
    layers.to_parquet(folder / "layers.parquet")

    found = parsed(write_report([folder, database], tmp_path / "page.html", title=NASTY))
    assert len(found.scripts) == SCRIPTS_OF_A_PAGE
    assert all(row["layer"].endswith(NASTY) for row in rows(found.data["layers"]))
    assert found.text.count(" ".join(NASTY.split())) == 5  # title twice, description twice, notes
    assert "alert('from a sweep file')" in found.text


def test_provenance(page: Path, whole_folder: Path) -> None:
    text = parsed(page).text
    stored = json.loads((whole_folder / "results.json").read_text(encoding="utf-8"))["provenance"]
    wanted = [stored["accelsim_version"], stored["technology"]["sha256"], "draws 50", "seed 0", "masks 1"]
    for entry in stored["machines"].values():
        wanted += [entry["sha256"], f"vpus: {entry['config']['mvu']['vpus']}"]
    for entry in stored["traces"].values():
        wanted += [entry["sha256"], entry["file"], entry["notes"]]
    for name in ("results.json", "layers.parquet", "figure5.csv", "claims.json"):
        wanted.append(hashlib.sha256((whole_folder / name).read_bytes()).hexdigest())
    wanted.append("mvu.vpus: - 2 - 4 - 8 - 16")  # the sweep file
    for each in wanted:
        assert each in text, each


def test_claims_with_their_verdicts(page: Path, whole_folder: Path) -> None:
    text = parsed(page).text
    for claim in json.loads((whole_folder / "claims.json").read_text(encoding="utf-8")):
        assert claim["text"] in text
        assert claim["evidence"].split("; ")[0] in text


def test_a_run_without_dense_is_shown_in_its_own_units(folder: Path, tmp_path: Path) -> None:
    stored = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    stored["summary"] = [row for row in stored["summary"] if row["scheme"] == "nm-1of8"]
    (folder / "results.json").write_text(json.dumps(stored), encoding="utf-8")
    layers = pd.read_parquet(folder / "layers.parquet")
    layers[layers["scheme"] == "nm-1of8"].to_parquet(folder / "layers.parquet")
    (folder / "figure5.csv").unlink()
    found = parsed(write_report([folder], tmp_path / "page.html"))
    assert "no dense run" in found.text
    assert found.data["charts"] == []
    assert "energy_rel" not in found.data["runs"]["columns"]


def test_claims_of_a_comparison_are_judged_here(folder: Path, tmp_path: Path) -> None:
    stored = json.loads((folder / "claims.json").read_text(encoding="utf-8"))
    (folder / "figure5.csv").unlink()  # as `accelsim compare` leaves it
    (folder / "claims.json").unlink()
    text = parsed(write_report([folder], tmp_path / "page.html")).text
    for claim in stored:
        assert claim["evidence"].split("; ")[0] in text


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_existing_page_is_replaced_in_one_step(database: Path, tmp_path: Path, suffix: str) -> None:
    place = tmp_path / "new" / f"page{suffix}"
    write_report([database], place)
    place.write_text("old")
    write_report([database], place)
    assert place.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert list(place.parent.iterdir()) == [place]


def test_a_technology_that_does_not_ship(folder: Path, tmp_path: Path) -> None:
    stored = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    stored["provenance"]["technology"] |= {"name": "mine", "sha256": "0" * 64}
    (folder / "results.json").write_text(json.dumps(stored), encoding="utf-8")
    found = parsed(write_report([folder], tmp_path / "page.html"))
    assert "give its file with --technology" in found.text
    assert found.data["terms"] == {} and "area_mm2" not in found.data["runs"]["columns"]
    with pytest.raises(AccelsimError, match="not the technology of the results"):
        write_report([folder], tmp_path / "page.html", technology="freepdk45")
