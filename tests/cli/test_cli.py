"""The command line as a person uses it: real processes, real files, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from accelsim import load_machine
from accelsim.cli import main
from accelsim.trace import Scheme
from accelsim.trace.synthetic import write_synthetic_trace


class Outcome:
    """Exit code, stdout and stderr of one call."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def accelsim(capsys: pytest.CaptureFixture[str]):
    def call(*arguments: str | Path) -> Outcome:
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(int(caught.value.code or 0), captured.out, captured.err)

    return call


def test_as_a_process(small_trace: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "accelsim",
            "run",
            small_trace,
            "--machine",
            "dense",
            "--out",
            tmp_path / "out",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "small, per image" in done.stdout
    assert done.stderr == ""  # no progress bar: stderr is no terminal
    assert (tmp_path / "out" / "layers.csv").exists()


def test_without_torch(small_trace: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from accelsim.cli import main\n"
        f"main(['run', {str(small_trace)!r}, '--machine', 'structured', '--out', {str(tmp_path / 'o')!r}])"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_help_is_quick_to_import() -> None:
    code = (
        "import sys; from accelsim.cli import cli\n"
        "print([name for name in ('torch', 'matplotlib', 'pandas', 'simpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "command", ["", "run", "compare", "figure5", "sweep", "results", "inspect", "check", "export"]
)
def test_every_help_has_an_example(accelsim, command: str) -> None:
    outcome = accelsim(*([command] if command else []), "--help")
    assert outcome.code == 0
    assert f"accelsim {command}".strip() in outcome.out


def test_run_json(accelsim, small_trace: Path, tmp_path: Path) -> None:
    outcome = accelsim(
        "run", small_trace, "--machine", "structured", "--schemes", "nm-1of8", "--images", "0:1",
        "--out", tmp_path / "o", "--json",
    )  # fmt: skip
    assert outcome.code == 0
    (summary,) = json.loads(outcome.out)["summary"]
    assert summary["scheme"] == "nm-1of8"
    assert summary["images"] == 1


def test_figure5_on_any_trace(accelsim, small_trace: Path, tmp_path: Path) -> None:
    out = tmp_path / "figure"
    outcome = accelsim("figure5", "--traces", small_trace, "--out", out)
    assert outcome.code == 0, outcome.err
    for words in ("C1 small", "C2 small", "noise 7:8", "machines: dense:", "figure5.png"):
        assert words in outcome.out
    for words in ("2,000 joint draws", "small: largest effects", "% of draws"):
        assert words in outcome.out
    assert (out / "figure5.png").stat().st_size > 10_000
    claims = json.loads((out / "claims.json").read_text())
    assert [(claim["name"], claim["holds"] is None) for claim in claims] == [
        ("C1", False), ("C2", False), ("C3", False), ("C4", False), ("C5", True),
    ]  # fmt: skip
    stored = json.loads((out / "results.json").read_text())["provenance"]
    assert stored["engine"] and stored["accelsim_version"] and stored["technology"]["sha256"]


def test_figure5_error_bars(accelsim, small_trace: Path, tmp_path: Path) -> None:
    common = ["figure5", "--traces", small_trace, "--images", "0:1", "--json", "--out"]
    drawn = json.loads(
        accelsim(*common, tmp_path / "a", "--draws", "20", "--spread", "0.1", "--seed", "5").out
    )
    assert {name: drawn["provenance"]["uncertainty"][name] for name in ("draws", "seed", "spread")} == {
        "draws": 20, "seed": 5, "spread": 0.1,
    }  # fmt: skip
    rows = {row["scheme"]: row for row in drawn["table"]}
    assert rows["nm-1of8"]["energy_rel_p5"] < rows["nm-1of8"]["energy_rel_p95"]
    assert (tmp_path / "a/sensitivity.csv").read_text().startswith("network,machine,scheme,constant,")
    plain = accelsim(*common, tmp_path / "b", "--draws", "0")
    assert "energy_rel_p5" not in json.loads(plain.out)["table"][0]
    assert not (tmp_path / "b/sensitivity.csv").exists()


def test_figure5_narrowed_and_without_equal_area(accelsim, small_trace: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        load_machine("structured").resized(vpus=8).to_yaml().replace("name: structured", "name: mine")
    )
    common = ["figure5", "--traces", small_trace, "--images", "0:1", "--out", tmp_path / "f"]
    sized = accelsim(*common, "--machines", f"dense,unstructured,{path}")
    vpus = load_machine("structured").mvu.vpus
    assert f"mine: {vpus} VPUs (its file says 8; sized to equal area)" in sized.out
    given = accelsim(*common, "--machines", f"dense,{path}", "--schemes", "nm-4of8,nm-1of8", "--no-iso-area")
    assert "mine: 8 VPUs, " in given.out
    assert accelsim(*common, "--machines", f"dense,structured,{path}").err.count("give one of each kind") == 1


def test_names_are_never_read_as_styles(accelsim, tmp_path: Path) -> None:
    trace = tmp_path / "odd.h5"
    write_synthetic_trace(trace, [Scheme.nm(keep=1, of=8)], network="[/red]x")
    assert "[/red]x" in accelsim("inspect", trace).out
    outcome = accelsim("run", trace, "--machine", "structured", "--out", tmp_path / "o[/b]")
    assert outcome.code == 0
    assert "o[/b]" in outcome.out


def test_a_full_disk_behind_stdout(small_trace: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "accelsim", "inspect", small_trace],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr == "accelsim: cannot write output: No space left on device\n"


def test_pipes_and_endless_names_are_refused(accelsim, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in (tmp_path / "pipe", "x" * 5000):
        outcome = accelsim("inspect", name)
        assert outcome.code == 2
        assert outcome.err.count("\n") == 1


def test_an_out_that_cannot_be_written_is_told_before_the_work(
    accelsim, small_trace: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("precious")
    for command in (
        ["run", small_trace, "--machine", "dense"],
        ["compare", small_trace],
        ["figure5", "--traces", small_trace],
    ):
        outcome = accelsim(*command, "--out", tmp_path / "file" / "sub")
        assert outcome.code == 2
        assert "cannot write there" in outcome.err
    assert (tmp_path / "file").read_text() == "precious"


def test_compare_json(accelsim, small_trace: Path, tmp_path: Path) -> None:
    outcome = accelsim(
        "compare", small_trace, "--schemes", "unstructured-75,nm-2of8", "--out", tmp_path / "c", "--json"
    )
    assert outcome.code == 0
    rows = {row["scheme"]: row for row in json.loads(outcome.out)["table"]}
    assert set(rows) == {"dense", "unstructured-75", "nm-2of8"}
    assert rows["dense"]["time_rel"] == 1


def test_a_machine_of_ones_own(accelsim, small_trace: Path, tmp_path: Path) -> None:
    config = load_machine("structured").model_dump(mode="json")
    config["name"] = "mine"
    config["mvu"]["vpus"] = 8
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(config))
    outcome = accelsim("run", small_trace, "--machine", path, "--out", tmp_path / "o", "--json")
    assert {row["machine"] for row in json.loads(outcome.out)["summary"]} == {"mine"}


def test_inspect_each_kind(accelsim, small_trace: Path) -> None:
    trace = json.loads(accelsim("inspect", small_trace, "--json").out)
    assert trace["trace"]["network"] == "small"
    assert [row["scheme"] for row in trace["schemes"]][:2] == ["dense", "unstructured-50"]
    machine = json.loads(accelsim("inspect", "structured", "--json").out)
    assert machine["machine"]["peak_16bit_macs_per_cycle"] == load_machine("structured").mvu.vpus * 4
    technology = json.loads(accelsim("inspect", "freepdk45", "--json").out)
    assert all(event["source"] for event in technology["events"])
    assert "weight_sram" in accelsim("inspect", "dense").out


def test_check_reports_damage_and_goes_on(accelsim, small_trace: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.h5"
    damaged.write_bytes(small_trace.read_bytes()[:-100])
    outcome = accelsim("check", damaged, small_trace, "structured", "freepdk45")
    assert outcome.code == 1
    assert "damaged.h5" in outcome.err
    assert outcome.out.count("sound") == 3
    assert accelsim("check", small_trace).code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "TRACE", "--machine", "nonesuch", "--out", "OUT"], "nonesuch"),
        (["run", "nowhere.h5", "--machine", "dense", "--out", "OUT"], "nowhere.h5"),
        (["run", "TRACE", "--machine", "dense"], "--out"),
        (["run", "TRACE", "--machine", "dense", "--out", "OUT", "--images", "4:2"], "4:2"),
        (["run", "TRACE", "--machine", "dense", "--out", "OUT", "--images", "x"], "'x'"),
        (["run", "TRACE", "--machine", "dense", "--out", "OUT", "--images", "0:99"], "it has 0:2"),
        (["run", "TRACE", "--machine", "dense", "--out", "OUT", "--engine", "fast"], "reference"),
        (["run", "TRACE", "--machine", "dense", "--out", "OUT", "--schemes", "nm-1of8"], "runs dense only"),
        (["run", "TRACE", "--machine", "dense", "--out", "OUT", "--layers", "no"], "no layer 'no'"),
        (["compare", "TRACE", "--machines", "dense,dense", "--out", "OUT"], "same name"),
        (["compare", "TRACE", "--iso-area-with", "ghost", "--out", "OUT"], "ghost"),
        (["figure5", "--traces", "TRACE,TRACE", "--out", "OUT"], "given already"),
        (["figure5", "--traces", "TRACE", "--spread", "2", "--out", "OUT"], "between 0 and 1"),
        (["inspect", "nothing-there"], "nothing-there"),
        (["inspect", "DIR"], "folder"),
        (["frobnicate"], "frobnicate"),
        (["run", "--frobnicate"], "frobnicate"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(
    accelsim, small_trace: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    places = {"TRACE": str(small_trace), "OUT": str(tmp_path / "out"), "DIR": str(tmp_path)}
    swapped = [",".join(places.get(part, part) for part in argument.split(",")) for argument in arguments]
    outcome = accelsim(*swapped)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith("accelsim: ")
    assert outcome.err.count("\n") == 1
    assert words in outcome.err
    assert not (tmp_path / "out").exists()
