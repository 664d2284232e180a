"""The choices and the attackers' widths that docs/nit.md looks at."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from accelsim.errors import AccelsimError
from accelsim.marked import between
from accelsim.nn.data.idx import DigitSet, Split
from accelsim.nn.spiking.noisy_layer import Bounds
from accelsim.nn.spiking.run_settings import Settings
from accelsim.nn.spiking.spiking_networks import SpikingNetwork
from models.nit import ablation, findings
from models.nit.findings import read_rows, write_rows
from models.nit.nit_columns import WIDTHS, by_width
from models.nit.spiking_target import SpikingTarget
from models.nit.training import train

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.fixture
def bands() -> DigitSet:
    """120 images; class c is a bright band of rows 2c and 2c + 1."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 10, (120,), generator=generator)
    images = torch.randint(0, 60, (120, 28, 28), generator=generator).to(torch.uint8)
    for image, label in zip(images, labels.tolist(), strict=True):
        image[2 * label : 2 * label + 2] += 190
    return DigitSet(images, labels)


SPLIT = Split(torch.arange(80), torch.arange(80, 100), torch.arange(100, 120))


def test_every_choice_is_a_setting_and_changes_the_network_or_its_training() -> None:
    base = Settings(method="nit", epochs=ablation.EPOCHS)
    made = [
        Settings(method="nit", epochs=ablation.EPOCHS, **changes) for changes in ablation.CHOICES.values()
    ]
    assert made[0] == base
    assert len(set(made)) == len(made)


def test_a_row_is_computed_once(bands: DigitSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    choice = "T = 2"
    first = ablation.row_of(choice, bands, SPLIT, tmp_path)
    assert all(0 <= first[column] <= 100 for column in ("clean", "mean of 20", "PGD", "PGD, width 0.1"))
    assert first["sigma, first"] != 1.0
    monkeypatch.setattr(ablation, "accuracy_from", None)
    assert ablation.row_of(choice, bands, SPLIT, tmp_path) == first
    (path,) = tmp_path.glob("*/accuracy.json")
    path.write_text("[1]")
    with pytest.raises(AccelsimError, match="not a file of accuracies"):
        ablation.row_of(choice, bands, SPLIT, tmp_path)


def test_widths_order_as_attacks_see_more(bands: DigitSet, tmp_path: Path) -> None:
    """Against a trained network the best of the surrogates is far stronger than random signs of the same size."""
    settings = Settings(method="stbp", epochs=40, batch=40, steps=4, lr=0.01)
    network = train(settings, bands, SPLIT.train, tmp_path)
    row = by_width(SpikingTarget.trained(network, settings), bands, SPLIT.test)
    assert list(row) == ["clean", "random", "nattack, pixels", *(f"{width:g}" for width in WIDTHS)]
    assert row["clean"] >= 80.0
    assert min(row.values()) < row["random"] - 20.0


def test_rows_are_read_back_as_written(tmp_path: Path) -> None:
    rows = {"a, b": {"clean": 93.25, "2": 0.0}, "c": {"clean": 1.0, "2": 3.5}}
    write_rows(tmp_path / "r.csv", "choice", rows)
    assert read_rows(tmp_path / "r.csv").set_index("choice").to_dict("index") == rows
    (tmp_path / "r.csv").write_text("choice,clean\nx,high\n")
    with pytest.raises(AccelsimError, match="not a CSV file of names and numbers"):
        read_rows(tmp_path / "r.csv")


def test_faults_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--mnist", str(tmp_path), "--runs", str(tmp_path), "--out", str(tmp_path / "out")]
    for more, message in (
        ([], "missing, with or without .gz"),
        (["--threads", "0"], "'--threads': 0 is not in the range"),
        (["--docs", str(tmp_path)], "nit.md: no such document"),
    ):
        assert findings.main([*arguments, *more]) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_the_tables_of_the_documents_are_those_of_the_results() -> None:
    for marker, content in findings.contents(DOCS / "results").items():
        assert between(DOCS / "nit.md", marker) == content, marker


@torch.no_grad()
def test_rate_coded_pixels_fire_as_often_as_they_are_bright() -> None:
    network = SpikingNetwork((3, 4, 2), steps=4000, encoding="rate")
    x = torch.tensor([[0.0, 0.25, 1.0], [0.5, 0.9, 0.1]])
    generator = torch.Generator().manual_seed(0)
    spikes = network.encode(x, generator)
    assert spikes.shape == (4000, 2, 1, 3) and bool(((spikes == 0) | (spikes == 1)).all())
    errors = (x * (1 - x) / 4000).sqrt()
    assert bool(((spikes.mean(dim=(0, 2)) - x).abs() <= 4.5 * errors).all())
    current = SpikingNetwork((3, 4, 2), steps=4000).encode(x, generator)
    assert current.shape == (1, 2, 1, 3) and torch.equal(current[0, :, 0], x)


def test_gradients_pass_rate_coding_straight_through() -> None:
    network = SpikingNetwork((3, 4, 2), steps=5, encoding="rate")
    x = torch.rand(2, 3, generator=torch.Generator().manual_seed(1)).requires_grad_()
    weights = torch.arange(30.0).reshape(5, 2, 1, 3)
    (network.encode(x, torch.Generator()) * weights).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, weights.sum(dim=(0, 2)))


def test_what_rate_coding_cannot_do_is_refused() -> None:
    network = SpikingNetwork((3, 4, 2), encoding="rate")
    with pytest.raises(AccelsimError, match="encoding: rate, must be current"):
        SpikingTarget(network, by_ratio=True).gradient(torch.zeros(1, 3), torch.zeros(1, dtype=torch.long))


@pytest.mark.parametrize(("least", "most", "level"), [(0.05, 2.0, 1.0), (1.5, 2.0, 1.5), (0.1, 0.5, 0.5)])
def test_noise_begins_within_its_bounds(least: float, most: float, level: float) -> None:
    settings = Settings(method="nit", sigma_least=least, sigma_most=most, weight_bound=3.0)
    assert settings.bounds == Bounds(3.0, least, most)
    assert all(bool((layer.sigma == level).all()) for layer in settings.network().noisy_layers())


def test_empty_bounds_are_refused(bands: DigitSet, tmp_path: Path) -> None:
    settings = Settings(method="nit", sigma_least=1.0, sigma_most=0.5)
    with pytest.raises(AccelsimError, match=r"sigma bounds: 1\.0 to 0\.5"):
        train(settings, bands, SPLIT.train, tmp_path)


def test_a_run_from_before_a_setting_goes_on(bands: DigitSet, tmp_path: Path) -> None:
    """Settings are compared by value: one that an older file does not name has its default there."""
    settings = Settings(method="nit", epochs=1, batch=40, replications=4, steps=2)
    train(settings, bands, SPLIT.train, tmp_path)
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    path = tmp_path / "weights.safetensors"
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    older = {key: text.replace('"encoding": "current", ', "") for key, text in metadata.items()}
    assert older != metadata
    save_file(load_file(path), path, older)
    train(settings, bands, SPLIT.train, tmp_path)
    with pytest.raises(AccelsimError, match="other settings"):
        train(settings.model_copy(update={"encoding": "rate"}), bands, SPLIT.train, tmp_path)
