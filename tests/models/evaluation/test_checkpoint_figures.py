"""The figures' commands: what they run, what they write, what they refuse."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from torch import nn

from accelsim.nn.data.cifar import ImageSet
from accelsim.nn.injection.conversion import convert
from accelsim.nn.injection.distillation import distill
from accelsim.trace import Scheme
from models.evaluation import checkpoint_figures as figures
from models.evaluation.checkpoint_figures import figure3, figure4, main
from models.study.subject import Subject


@pytest.fixture
def arguments(monkeypatch: pytest.MonkeyPatch, classifier: nn.Module, labelled, tmp_path: Path) -> list[str]:
    """Instead of files: the small classifier, converted, and its images."""
    model = convert(classifier, Scheme.dense(), form="patch", k_ratio=0.5, seed=2)
    distill(model, labelled[0].split(50))
    data = ImageSet((labelled[0] * 255).to(torch.uint8), labelled[1])
    monkeypatch.setattr(figures, "load_subject", lambda path: Subject(model.eval(), "c", "0"))
    monkeypatch.setattr(figures, "load_cifar", lambda *args, **kwargs: data)
    monkeypatch.setattr(figures, "STEPS", (2, 20, 4))
    return ["--checkpoint", "none", "--out", str(tmp_path / "o"), "--images", "6"]


@pytest.mark.parametrize(("figure", "expected"), [("3", 3 * 6), ("4", (1 + 2 * 11) * 2)])
def test_figures_3_and_4(arguments: list[str], tmp_path: Path, figure: str, expected: int) -> None:
    assert main([figure, *arguments]) == 0
    with (tmp_path / "o" / f"figure-{figure}.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == expected
    assert (tmp_path / "o" / f"figure-{figure}.png").read_bytes().startswith(b"\x89PNG")
    if figure == "3":
        falling = [float(row["mean"]) for row in rows if row["variant"] == "dense" and row["steps"] == "20"]
        assert falling == sorted(falling, reverse=True) and falling[0] > falling[-1]
    else:
        assert {row["control"] for row in rows} == {"none", "essential"}


def test_what_the_figures_ask_for() -> None:
    assert "pgd20@16" in figure3()[1] and "pgd100@8" in figure3()[1]
    assert "unstructured-20+essential" in figure4()[0] and figure4()[1] == ["clean", "pgd20"]


def _table(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_codesign_joins_by_scheme(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = _table(
        tmp_path / "t.csv", "method,bitops,worst case:mean\ndense,100,40\nnm-1of8,20,30\nnm-1of8+zeros,20,9\n"
    )
    costs = _table(
        tmp_path / "s.csv",
        "scheme,machine,energy_pj,latency_us\ndense,d,5e6,3\nnm-1of8,s,1e6,1\nnm-4of8,s,2e6,2\n",
    )
    arguments = ["co-design", "--table", str(table), "--costs", str(costs), "--out", str(tmp_path / "o")]
    assert main(arguments) == 0
    with (tmp_path / "o" / "figure-co-design.csv").open() as file:
        rows = [(row["scheme"], row["accuracy"], float(row["energy_pj"])) for row in csv.DictReader(file)]
    assert rows == [("dense", "40", 5e6), ("nm-1of8", "30", 1e6)]
    assert main([*arguments, "--accuracy", "clean:one"]) == 2
    assert "no column 'clean:one'; it has: method, bitops" in capsys.readouterr().err
    assert main([*arguments[:3], "--costs", str(tmp_path / "no.csv"), "--out", str(tmp_path / "p")]) == 2
    _table(tmp_path / "s.csv", "scheme,machine,energy_pj,latency_us\nnm-2of8,d,5e6,3\n")
    assert main(arguments) == 2
    assert "shares no scheme" in capsys.readouterr().err
