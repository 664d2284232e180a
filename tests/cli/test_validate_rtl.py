"""accelsim validate-rtl: what it reports, and how it ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("amaranth", reason="the RTL needs the extra rtl")
pytest.importorskip("pyosys", reason="the RTL needs the extra rtl")
pytest.importorskip("torch", reason="the fixed-point reference needs the extra train")

import accelsim.rtl.validation.validate
from accelsim.cli import main
from accelsim.cli.validate_rtl_command import validate_rtl
from accelsim.errors import AccelsimError
from accelsim.rtl.validation.random_cases import random_cases
from accelsim.rtl.validation.validate import Outcome, sampled_layers
from accelsim.rtl.validation.validation_report import write_report

AGREES = Outcome("nm", "random", "seed 4, layer 0", 120, 36, 0.5, ())
DIFFERS = Outcome("nm", "random", "seed 4, layer 1", 80, 9, 0.5, ("core_cycles: RTL 80, compiled engine 81",))


def with_outcomes(monkeypatch: pytest.MonkeyPatch, *outcomes: Outcome) -> None:
    monkeypatch.setattr(
        accelsim.rtl.validation.validate, "random_outcomes", lambda cases, seed, simulator: iter(outcomes)
    )


def test_agreement_is_a_table_and_exit_code_0(monkeypatch: pytest.MonkeyPatch) -> None:
    with_outcomes(monkeypatch, AGREES, AGREES)
    ran = CliRunner().invoke(validate_rtl, ["--cases", "2", "--layers", "none"], standalone_mode=False)
    assert ran.return_value == 0
    assert "2 layers, 240 core cycles and 72 words of z'" in ran.output
    assert "| N:M | 2 | 240 | 72 | 0 | 1 |" in ran.output


def test_a_difference_is_named_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with_outcomes(monkeypatch, AGREES, DIFFERS)
    report = tmp_path / "report.md"
    with pytest.raises(SystemExit) as ended:
        main(["validate-rtl", "--layers", "none", "--out", str(report)])
    assert ended.value.code == 1
    assert "seed 4, layer 1: core_cycles: RTL 80, compiled engine 81" in capsys.readouterr().err
    assert "1 agree in all, 1 differ" in report.read_text()


def test_interrupted_it_shows_what_is_done_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def some_layers(*_: object) -> Iterator[Outcome]:
        yield AGREES
        yield DIFFERS
        raise KeyboardInterrupt

    monkeypatch.setattr(accelsim.rtl.validation.validate, "random_outcomes", some_layers)
    report = tmp_path / "report.md"
    with pytest.raises(SystemExit) as ended:
        main(["validate-rtl", "--layers", "none", "--out", str(report)])
    shown = capsys.readouterr()
    assert ended.value.code == 130
    assert "2 layers, 200 core cycles" in shown.out and "1 agree in all, 1 differ" in shown.out
    assert "seed 4, layer 1: core_cycles: RTL 80" in shown.err
    assert not report.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--layers", "layer9"], "no layer layer9; there is: layer1.1.conv2,"),
        (["--cases", "0", "--layers", "none"], "nothing to do"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["validate-rtl", *arguments])
    message = capsys.readouterr().err
    assert ended.value.code == 2
    assert said in message and message.count("\n") == 1


def test_missing_tools_are_told_before_any_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        accelsim.rtl.validation.validate, "random_outcomes", lambda *_: pytest.fail("work began")
    )
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SystemExit) as ended:
        main(["validate-rtl", "--layers", "layer1.1.conv2"])
    assert ended.value.code == 2
    assert "apt-get install verilator" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "amaranth", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit) as ended:
        main(["validate-rtl", "--layers", "none"])
    assert ended.value.code == 2
    assert "pip install '.[rtl,train]'" in capsys.readouterr().err


def test_a_file_that_must_not_be_overwritten_is_told_before_any_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(
        accelsim.rtl.validation.validate, "random_outcomes", lambda *_: pytest.fail("work began")
    )
    letter = tmp_path / "letter.md"
    letter.write_text("a letter")
    for out, said in ((letter, "not overwritten"), (letter / "report.md", "cannot write there")):
        with pytest.raises(SystemExit) as ended:
            main(["validate-rtl", "--layers", "none", "--out", str(out)])
        message = capsys.readouterr().err
        assert ended.value.code == 2
        assert said in message and message.count("\n") == 1
    assert letter.read_text() == "a letter"


def test_the_sample_has_a_layer_of_each_stage_under_each_kind_of_scheme() -> None:
    found = {(each.layer, each.scheme.kind) for each in sampled_layers()}
    layers = [f"layer{stage}.1.conv2" for stage in (1, 2, 3, 4)]
    assert found == {(layer, kind) for layer in layers for kind in ("dense", "unstructured", "nm")}


def test_a_report_goes_between_the_markers_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- validate-rtl -->\nold\n<!-- /validate-rtl -->\nafter\n")
    write_report(page, "new\n")
    assert page.read_text() == "before\n<!-- validate-rtl -->\nnew\n<!-- /validate-rtl -->\nafter\n"
    other = tmp_path / "other.md"
    other.write_text("a letter")
    with pytest.raises(AccelsimError, match="not overwritten"):
        write_report(other, "new\n")
    assert other.read_text() == "a letter"


@pytest.mark.slow
def test_one_random_layer_end_to_end(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["validate-rtl", "--cases", "1", "--layers", "none", "--seed", "3"])
    assert ended.value.code == 0
    kind = random_cases(3, 5).kind
    assert f"| {kind} | 1 |" in capsys.readouterr().out
