"""``accelsim search`` and ``pareto`` from the command line: what they print, write and refuse."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna", reason="needs the extra search")

from accelsim.cli import main
from accelsim.search.front import non_dominated

SPEC = """\
format: accelsim-sweep/1
name: small
machines: [unstructured, structured]
traces: [{trace}]
schemes: [unstructured-50, nm-4of8, unstructured-87.5, nm-1of8]
axes:
  mvu.vpus: [2, 4, 8, 16]
  mvu.accumulators_per_vpu: [2, 4, 16]
"""
OBJECTIVES = ["latency_us", "energy_pj", "area_mm2"]


def accelsim(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    return int(caught.value.code or 0)


@pytest.fixture
def spec(tmp_path: Path, small_trace: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC.format(trace=small_trace), encoding="utf-8")
    return path


@pytest.fixture
def db(spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = tmp_path / "r.db"
    assert accelsim("search", str(spec), "--trials", "30", "--db", str(path)) == 0
    capsys.readouterr()
    return path


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_search_again_simulates_nothing(spec: Path, db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert accelsim("search", str(spec), "--trials", "30", "--db", str(db), "--json") == 0
    again = printed(capsys)
    assert (again["search"], again["trials"], again["simulated"]) == ("small-tpe-0", 30, 0)
    assert again["pruned"] > 0  # two accumulators do not hold the psums of four positions
    assert {"machine", "mvu.vpus", *OBJECTIVES} <= set(again["front"][0])
    assert accelsim("search", str(spec), "--trials", "30", "--db", str(db)) == 0
    text = capsys.readouterr().out
    assert "0 points simulated now" in text and "accumulators_per_vpu is 2" in text


def test_pareto_is_the_front_of_what_results_shows(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert accelsim("results", str(db), "--where", 'noise == 0.5 and state == "done"', "--json") == 0
    rows = printed(capsys)
    fronts = non_dominated([[row[name] for name in OBJECTIVES] for row in rows])
    best = {row["id"] for row, front in zip(rows, fronts, strict=True) if front}
    assert accelsim("pareto", str(db), "--where", "noise == 0.5", "--json") == 0
    assert {row["id"] for row in printed(capsys)} == best
    assert accelsim("pareto", str(db), "--sweep", "small-tpe-0", "--json") == 0
    assert {row["id"] for row in printed(capsys) if row["noise"] == 0.5} == best


def test_pareto_writes_table_and_picture(
    db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, picture = tmp_path / "new" / "front.csv", tmp_path / "new" / "front.png"
    assert accelsim("pareto", str(db), "--out", str(table), "--plot", str(picture)) == 0
    text = capsys.readouterr().out
    assert picture.read_bytes().startswith(b"\x89PNG")
    with table.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    on_front = sum(row["front"] == "True" for row in rows)
    assert f"{on_front} of {len(rows)} points are on a front" in text
    assert "mvu.vpus" in text and "mvu.bricks_per_vpu" not in text  # only what differs is shown
    assert sorted(path.name for path in table.parent.iterdir()) == ["front.csv", "front.png"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pareto", "{db}", "--objectives", "latency"], "objectives: 'latency'; did you mean"),
        (["pareto", "{db}", "--where", "noise == 0.3"], "no points that ran and are asked for"),
        (["pareto", "{db}", "--where", "nose == 0.3"], "no field 'nose'; did you mean `noise`?"),
        (["pareto", "{db}", "--sweep", "other"], "no sweep 'other'; allowed: small-tpe-0"),
        (["pareto", "{db}", "--plot", "front.bmp"], "front.bmp: allowed are files that end in .png"),
        (["pareto", "{db}", "--out", "front.xls"], "front.xls: allowed are files that end in .csv"),
        (["pareto", "{db}.not"], "no such results database"),
        (["search", "{spec}", "--db", "{spec}"], "not a results database"),
        (["search", "{spec}", "--db", "{db}", "--seed", "-1"], "seed: -1; allowed: 0 to"),
        (["search", "{spec}", "--db", "{db}", "--objectives", "speed"], "objectives: 'speed'"),
        (["search", "{spec}", "--db", "{db}", "--sampler", "best"], "'best' is not one of 'tpe', 'nsga2'"),
        (["search", "{spec}", "--workers", "2", "--scheduler", "tcp://a:1"], "give one of --workers and"),
        (["search", "{spec}.not", "--db", "{db}"], "no such sweep file"),
    ],
)
def test_bad_input_is_one_line(
    db: Path, spec: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    before, spec_before = db.read_bytes(), spec.read_bytes()
    assert accelsim(*(each.format(db=db, spec=spec) for each in arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and said in captured.err
    assert db.read_bytes() == before and spec.read_bytes() == spec_before
