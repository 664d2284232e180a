"""``accelsim sweep`` and ``results`` as a person uses them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml

from accelsim.cli import main
from accelsim.cli.sweep_command import duration

Outcome = tuple[int, str, str]
Call = Callable[..., Outcome]


@pytest.fixture
def accelsim(capsys: pytest.CaptureFixture[str]) -> Call:
    def call(*arguments: str | Path) -> Outcome:
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return int(caught.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def spec(tmp_path: Path, small_trace: Path) -> Path:
    content = {
        "format": "accelsim-sweep/1",
        "name": "mine",
        "machines": ["unstructured", "structured"],
        "traces": [str(small_trace)],
        "schemes": ["unstructured-75", "nm-2of8"],
        "axes": {"mvu.vpus": [2, 4, 8], "clock_mhz": [500, 9999]},
        "where": ["mvu.vpus != 8 or clock_mhz == 500"],
    }
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_dry_run(accelsim: Call, spec: Path, tmp_path: Path) -> None:
    db = tmp_path / "new" / "a.db"
    code, out, err = accelsim("sweep", spec, "--dry-run", "--db", db)
    assert (code, err) == (0, "")
    assert "mine: 10 points (24 combinations), 0 done before, 10 to run, about " in out
    assert "10 whose scheme is not for the machine" in out
    assert "4 left out by `where`" in out
    assert (
        "unstructured: small unstructured-75, 2 image(s), technology freepdk45-rtl, clock_mhz 500, mvu.vpus 2"
        in out
    )
    assert out.endswith("...\n")
    assert not db.parent.exists()
    content = json.loads(accelsim("sweep", spec, "--dry-run", "--db", db, "--json")[1])
    assert (content["points"], content["pending"], content["left_out"]) == (
        10,
        10,
        {"scheme": 10, "where": 4},
    )
    assert content["seconds"] > 0


def test_run_again_and_look(accelsim: Call, spec: Path, tmp_path: Path) -> None:
    db = tmp_path / "new" / "a.db"
    code, out, err = accelsim("sweep", spec, "--db", db)
    assert (code, err) == (0, "")
    assert "10 points: 0 done before, 10 run in " in out
    assert "4 failed (accelsim results" in out
    content = json.loads(accelsim("sweep", spec, "--db", db, "--json")[1])
    assert (content["kept"], content["run"], content["failed"]) == (6, 4, 4)
    assert accelsim("results", db, "--sweeps")[1] == "mine: 6 of 10 points done, 4 failed\n"
    assert json.loads(accelsim("results", db, "--sweeps", "--json")[1])[0]["points"] == 10

    code, out, err = accelsim("results", db, "--where", "state == 'done'", "--sort", "-mvu.vpus,energy_pj", "--limit", "3",
                              "--columns", "machine,mvu.vpus,energy_pj")  # fmt: skip
    lines = out.splitlines()
    assert lines[0].split() == ["machine", "mvu.vpus", "energy_pj"]
    assert [line.split()[1] for line in lines[1:4]] == ["8", "8", "4"]
    assert lines[4] == "3 of 10 points"
    assert "clock_mhz" in accelsim("results", db, "--where", "state == 'failed'")[1]

    for name in ("a.csv", "a.parquet"):
        code, out, err = accelsim("results", db, "--sweep", "mine", "--out", tmp_path / name)
        assert out == f"written: {tmp_path / name} (10 of 10 points)\n"
    frame = pd.read_parquet(tmp_path / "a.parquet")
    assert len(frame) == 10
    assert list(frame.columns) == list(pd.read_csv(tmp_path / "a.csv").columns)
    done = frame[frame["state"] == "done"].iloc[0]
    rows = json.loads(accelsim("results", db, "--json", "--columns", "all", "--where", "state == 'done'")[1])
    assert {row["id"]: row["core_cycles"] for row in rows}[done["id"]] == done["core_cycles"]

    (tmp_path / "again.yaml").write_text(accelsim("results", db, "--machine", done["id"][:12])[1])
    trace = yaml.safe_load(spec.read_text())["traces"][0]
    summary = json.loads(
        accelsim("run", trace, "--machine", tmp_path / "again.yaml", "--schemes", done["scheme"],
                 "--out", tmp_path / "o", "--json")[1]
    )["summary"][0]  # fmt: skip
    assert summary["energy_pj"] == pytest.approx(done["energy_pj"], rel=1e-12)
    assert summary["latency_cycles"] == done["latency_cycles"]


def test_a_bundled_sweep(accelsim: Call, tmp_path: Path) -> None:
    from accelsim.sweep import load_sweep, open_space
    from accelsim.sweep.sweep_plan import plan_sweep

    plan = plan_sweep(open_space(load_sweep("equal-area")))
    assert len(plan.subjects) >= 500
    varied = {name for labels in plan.labels.values() for name in labels}
    assert varied >= {
        "mvu.vpus",
        "mvu.bricks_per_vpu",
        "weight_sram.width_bits",
        "sequencer.lookahead",
        "cores",
    }
    assert plan.unbuildable == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sweep", "nowhere.yaml", "--db", "DB"], "nowhere.yaml"),
        (["sweep", "nowhere", "--db", "DB"], "equal-area"),
        (["sweep", "SPEC", "--db", "SPEC"], "not a results database"),
        (["sweep", "SPEC", "--db", "DIR"], "is a folder"),
        (["sweep", "SPEC", "--db", "DB", "--workers", "2", "--scheduler", "tcp://x:1"], "one of"),
        (["sweep", "SPEC", "--db", "DB", "--workers", "0"], "--workers"),
        (["sweep", "SPEC", "--db", "DB", "--engine", "fast"], "reference"),
        (["results", "DB"], "no such results database"),
        (["results", "SPEC"], "not a results database"),
        (["results"], "DB"),
    ],
)
def test_bad_input(accelsim: Call, spec: Path, tmp_path: Path, arguments: list[str], words: str) -> None:
    places = {"SPEC": str(spec), "DB": str(tmp_path / "new" / "a.db"), "DIR": str(tmp_path)}
    before = spec.read_text()
    code, out, err = accelsim(*(places.get(argument, argument) for argument in arguments))
    assert (code, out) == (2, "")
    assert err.startswith("accelsim: ")
    assert err.count("\n") == 1
    assert words in err
    assert spec.read_text() == before
    assert not (tmp_path / "new").exists()


def test_check_and_inspect(accelsim: Call, spec: Path, tmp_path: Path) -> None:
    db = tmp_path / "a.db"
    accelsim("sweep", spec, "--db", db)
    code, out, err = accelsim("check", spec, db, "equal-area")
    assert (code, err) == (0, "")
    assert f"{spec}: sound (sweep, 24 combinations, 10 points)" in out
    assert f"{db}: sound (results, 6 points done)" in out
    spec.write_text(spec.read_text().replace("mvu.vpus:", "mvu.vpu:"))
    code, out, err = accelsim("check", spec, db)
    assert (code, err.count("\n")) == (1, 1)
    assert "did you mean `mvu.vpus`" in err
    for file, told in ((spec, "accelsim sweep"), (db, "accelsim results")):
        code, out, err = accelsim("inspect", file)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert told in err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--where", "energy > 1"], "did you mean `energy_pj`"),
        (["--where", "1 +"], "not an expression"),
        (["--sort", "nothing"], "sort: no field"),
        (["--columns", "nothing"], "columns: no field"),
        (["--sweep", "other"], "allowed: mine"),
        (["--machine", "zz"], "no point"),
        (["--out", "a.xlsx"], ".csv or .parquet"),
    ],
)
def test_bad_questions(accelsim: Call, spec: Path, tmp_path: Path, options: list[str], words: str) -> None:
    db = tmp_path / "a.db"
    assert accelsim("sweep", spec, "--db", db)[0] == 0
    code, out, err = accelsim("results", db, *options)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert words in err


def test_durations() -> None:
    assert [duration(each) for each in (0.2, 59.4, 60, 3599, 3661, 90_000)] == [
        "0 s", "59 s", "1 min 00 s", "59 min 59 s", "1 h 01 min", "25 h 00 min",
    ]  # fmt: skip
