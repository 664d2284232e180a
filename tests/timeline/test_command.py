"""``accelsim timeline`` from the command line, on a synthetic trace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from accelsim import simulate
from accelsim.cli import main
from accelsim.cli.timeline_command import timeline  # the command; not the package
from tests.timeline.trace_event_format import read

BASE = ["--machine", "structured", "--scheme", "nm-2of8", "--layer", "conv2"]


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["timeline", *arguments])
    code = stopped.value.code
    assert isinstance(code, int)
    return code


def test_files_and_summary_agree_with_accelsim_run(
    small_trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "new" / name for name in ("x.json", "x.vcd", "power.png")]
    assert run(
        str(small_trace), *BASE, "--image", "1", "--out", str(files[0]), "--out", str(files[1]),
        "--plot", str(files[2]), "--json",
    ) == 0  # fmt: skip
    summary = json.loads(capsys.readouterr().out)
    (row,) = simulate(
        small_trace, "structured", schemes=["nm-2of8"], images=slice(1, 2), layers=["conv2"]
    ).rows
    assert summary["layer_cycles"] == row["latency_cycles"]
    assert summary["layer_energy_pj"] == pytest.approx(row["energy_pj"], rel=1e-9)
    assert summary["blocks_of_layer"] == row["blocks"]
    found = read(files[0])
    busy = sum(
        each["dur"]
        for (_, unit), slices in found.slices.items()
        for each in slices
        if unit == "selector" and each["cat"] == "job"
    )
    assert busy == row["selector_busy_cycles"]
    assert found.data["otherData"]["machine"]["name"] == "structured"
    assert "$version accelsim timeline $end\n" in files[1].read_text()
    assert files[2].read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--out", "x.txt"], "x.txt: allowed are files that end in .json, .vcd"),
        (["--plot", "x.gif"], "x.gif: allowed are files that end in .png, .svg, .pdf"),
        ([], "timeline: give --out, --plot or both"),
        (["--out", "x.json", "--blocks", "5..1"], "'5..1' is not a range of blocks"),
        (["--out", "x.json", "--blocks", "999"], "blocks 999..999 are not all there; it has 0..15"),
        (["--out", "x.json", "--max-jobs", "10"], "more than 10 (--max-jobs); blocks 0..0 would fit"),
        (["--out", "x.json", "--image", "2"], "images 2:3 are not all in the trace; it has 0:2"),
        (["--out", "x.json", "--layer", "conv9"], "no layer 'conv9'"),
        (["--out", "x.json", "--scheme", "unstructured-50"], "scheme unstructured-50 cannot run"),
    ],
)
def test_faults_are_one_line_and_write_nothing(
    arguments: list[str],
    told: str,
    small_trace: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(str(small_trace), *BASE, *arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert told in captured.err
    assert list(tmp_path.iterdir()) == []


def test_the_help_has_an_example() -> None:
    assert "Example: accelsim timeline resnet18-cifar10" in (timeline.help or "")
