"""Attacks that other packages register, and what the registry refuses."""

from __future__ import annotations

import csv
import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

from accelsim.errors import AccelsimError
from accelsim.nn.attacks import FGSM, PGD, LinfAttack, Target, attack_named, register, registry
from accelsim.nn.attacks.catalogue import names
from tests.docs.blocks import ROOT, blocks_of

ENTRY_POINTS = "[accelsim.attacks]\ncorners = corners\n"


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(registry, "_REGISTERED", dict(registry._REGISTERED))
    registry._load_entry_points.cache_clear()
    yield
    registry._load_entry_points.cache_clear()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_registry: None) -> Path:
    """The package of docs/how-to/own-attack.md, as pip would leave it."""
    (block,) = (each for each in blocks_of(ROOT / "docs/how-to/own-attack.md") if each.file == "corners.py")
    (tmp_path / "corners.py").write_text(block.text)
    metadata = tmp_path / "corners-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: corners\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield tmp_path
    sys.modules.pop("corners", None)


def test_an_attack_of_an_installed_package_is_found_by_name(
    installed: Path, classifier: nn.Module, labelled
) -> None:
    assert "corners" not in sys.modules
    named = attack_named("eot2-corners5@12")
    assert (named.box, named.draws, named.eps) == ("black", 2, 12 / 255)
    assert named.parameters()["tries"] == 5 and "corners<tries>" in names()
    x, labels = labelled[0][:8], labelled[1][:8]
    target = Target(classifier)
    attacked = named(target, target, x, labels, torch.Generator().manual_seed(1))
    assert (target.margins(attacked, labels) > target.margins(x, labels)).any()
    with pytest.raises(AccelsimError, match="'bpda-corners' is unknown"):
        attack_named("bpda-corners")


def test_the_command_runs_it(
    installed: Path, tiny_files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from models.evaluation.__main__ import main

    folder, checkpoint = tiny_files
    arguments = ["--checkpoint", str(checkpoint), "--data", str(folder), "--out", str(tmp_path / "o")]
    assert (
        main([*arguments, "--images", "6", "--attacks", "clean,corners3", "--schemes", "dense,nm-1of4"]) == 0
    )
    with (tmp_path / "o" / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["method"] for row in rows] == ["dense", "nm-1of4"]
    assert all(float(row["corners3:mean"]) <= float(row["clean:mean"]) for row in rows)
    assert "(of clean, corners3)" in capsys.readouterr().out


def test_a_package_that_cannot_be_imported_is_named(installed: Path) -> None:
    (installed / "corners.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(
        AccelsimError, match=r"package corners, entry point accelsim\.attacks:corners: cannot load corners"
    ):
        attack_named("corners")
    assert attack_named("pgd20").attack == PGD()  # what accelsim brings needs no package


def test_names_of_others_and_of_prefixes_are_refused(own_registry: None) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Mine(LinfAttack):
        def perturb(self, target, x, labels, generator):
            return x

    with pytest.raises(AccelsimError, match=r"'fgsm': registered by accelsim\.nn\.attacks\.fgsm already"):
        register("fgsm")(Mine)
    for name in ("eot-mine", "transfer-mine", "bpda-mine", "mine@8"):
        with pytest.raises(AccelsimError, match="must not begin with"):
            register(name)(Mine)


def test_what_an_attack_needs_of_model_and_images(classifier: nn.Module, labelled) -> None:
    x, labels = labelled[0][:4], labelled[1][:4]
    training = nn.Sequential(nn.Flatten(), nn.Linear(192, 5))
    for attack, images, wanted, message in (
        (FGSM(), x, labels, r"FGSM: attacks no model; write FGSM\(model, ...\)"),
        (FGSM(training), x, labels, "is in training mode; call model.eval"),
        (FGSM(classifier), x * 255, labels, r"must be images in \[0, 1\]"),
        (FGSM(classifier), x * float("nan"), labels, r"must be images in \[0, 1\]"),
        (FGSM(classifier), x, labels[:3], r"labels are \(3,\), must be \(4,\)"),
    ):
        with pytest.raises(AccelsimError, match=message):
            attack(images, wanted)


def test_an_attack_takes_a_model_or_a_target(classifier: nn.Module, labelled) -> None:
    x, labels = labelled[0][:4], labelled[1][:4]
    attacked = PGD(classifier, eps=8 / 255)(x, labels)
    assert torch.equal(attacked, PGD(Target(classifier))(x, labels))
    assert not torch.equal(attacked, PGD(classifier)(x, labels, seed=1))
    assert 0 < float((attacked - x).abs().max()) <= 8 / 255 + 1e-6
