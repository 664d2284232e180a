"""A trace of one's own network and images, through the command line."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
import torch

from accelsim import open_trace
from accelsim.cli import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module, images and training images, as a user would have."""
    (tmp_path / "ownnets.py").write_text(
        "import torch\nfrom torch import nn\n\n\ndef small():\n    torch.manual_seed(0)\n"
        "    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 24, 3, stride=2, groups=2),\n"
        "        nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 10))\n"
    )
    rng = np.random.default_rng(0)
    np.save(tmp_path / "images.npy", rng.random((3, 3, 12, 12), dtype=np.float32))
    np.save(tmp_path / "training.npy", rng.random((60, 3, 12, 12), dtype=np.float32))
    np.save(tmp_path / "grey.npy", rng.random((60, 1, 12, 12), dtype=np.float32))
    np.save(tmp_path / "few.npy", rng.random((1, 3, 12, 12), dtype=np.float32))
    np.save(tmp_path / "bytes.npy", np.zeros((3, 3, 12, 12), dtype=np.uint8))
    np.save(tmp_path / "labels.npy", np.array([1, 9, 0]))
    np.save(tmp_path / "two.npy", np.array([1, 0]))
    np.save(tmp_path / "ten.npy", np.array([1, 10, 0]))
    np.save(tmp_path / "negative.npy", np.array([1, -1, 0]))
    np.save(tmp_path / "halves.npy", np.array([1, 0.5, 0]))
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def export(folder: Path, capsys: pytest.CaptureFixture[str], *more: str, **files: str) -> tuple[int, str]:
    named = {"inputs": "images.npy", "calibration": "training.npy", "out": "mine.h5"} | files
    arguments = ["export", "--model", "ownnets:small", "--images", "0:3", *more]
    for option, name in named.items():
        arguments += [f"--{option}", str(folder / name)]
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return int(caught.value.code or 0), capsys.readouterr().err


def test_a_network_of_ones_own(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, error = export(folder, capsys, "--schemes", "dense,unstructured-75,nm-1of4")
    assert (code, error) == (0, "")
    trace = open_trace(folder / "mine.h5")
    assert [layer.name for layer in trace.layers] == ["0", "2", "6"]
    assert [layer.shape.groups for layer in trace.layers] == [1, 2, 1]
    assert trace.layers[2].approximation is None
    masks = trace.layer("2", "nm-1of4").essential()
    assert masks.shape == (3, 25, 24)
    assert (masks.reshape(3, 25, 6, 4).sum(-1) == 1).all()
    assert (
        trace.layer("0", "unstructured-75").essential().sum(axis=(1, 2)).tolist() == [576] * 3
    )  # 144 * 16 / 4


def test_the_same_command_gives_the_same_trace(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one.h5", "two.h5"):
        assert export(folder, capsys, "--schemes", "unstructured-50", out=name)[0] == 0
    assert open_trace(folder / "one.h5").sha256 == open_trace(folder / "two.h5").sha256


@torch.no_grad()
def test_labels_measure_every_scheme(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The network is right where it should be: its own predictions are the labels, and some are turned wrong."""
    names = ["dense", "dense-8", "dense-4", "noise-100", "nm-1of4"]
    images = np.load(folder / "images.npy")
    found = {}
    for shift, tested in ((0, 3), (1, 3), (0, 2)):
        predicted = (
            importlib.import_module("ownnets").small().eval()(torch.from_numpy(images)).argmax(1).numpy()
        )
        predicted[2] = (predicted[2] + 1) % 10
        np.save(folder / "labels.npy", (predicted + shift) % 10)
        more = [
            "--schemes",
            ",".join(names),
            "--accuracy-images",
            "0" if tested == 3 else str(tested),
            "--overwrite",
        ]
        assert export(folder, capsys, *more, labels="labels.npy")[0] == 0
        trace = open_trace(folder / "mine.h5")
        assert {trace.accuracy(name)[1] for name in names} == {tested}  # type: ignore[index]
        found[shift, tested] = trace.accuracy("dense")
    assert found == {(0, 3): (pytest.approx(2 / 3), 3), (1, 3): (found[1, 3][0], 3), (0, 2): (1.0, 2)}
    assert found[1, 3][0] <= 1 / 3


@pytest.mark.parametrize(
    ("more", "files", "words"),
    [
        (["--images", "0:4"], {}, "has no image 3"),
        (["--images", "2:"], {}, "needs an end"),
        (["--schemes", "unstructured-150"], {}, "unstructured-150"),
        (["--schemes", "nm-5of4"], {}, "nm-5of4"),
        (["--model", "ownnets:missing"], {}, "missing"),
        (["--model", "nonesuch"], {}, "nonesuch"),
        (["--skip", "9"], {}, "'9'"),
        (["--form", "patch", "--k-ratio", "0"], {}, "k_ratio"),
        (["--k-ratio", "0.5"], {}, "k_ratio: 0.5, must not be given with the form none"),
        (["--precision-rule", "largest"], {}, "rule is 'largest', must be 'mse' or 'percentile-P'"),
        ([], {"labels": "two.npy"}, "two.npy: holds int64 (2,); allowed: whole numbers, one per image, (3,)"),
        (
            [],
            {"labels": "ten.npy"},
            "output is (3, 10); needed to compare: (images, classes) with a class for label 10",
        ),
        ([], {"labels": "negative.npy"}, "negative.npy: label -1 of image 1; allowed: 0 and above"),
        ([], {"labels": "halves.npy"}, "halves.npy: holds float64 (3,)"),
        ([], {"labels": "objects.npy"}, "objects.npy"),
        ([], {"labels": "ownnets.py"}, "ownnets.py"),
        ([], {"labels": "nowhere.npy"}, "nowhere.npy"),
        ([], {"inputs": "bytes.npy"}, "uint8"),
        ([], {"inputs": "grey.npy"}, "grey.npy: images of shape (1, 12, 12) do not run in ownnets:small"),
        (
            [],
            {"calibration": "grey.npy"},
            "grey.npy: images of shape (1, 12, 12) do not run in ownnets:small",
        ),
        (["--form", "patch"], {"calibration": "few.npy"}, "layer 0 (k = 16) saw 16 rows, needs 18"),
        ([], {"inputs": "objects.npy"}, "objects.npy"),
        ([], {"inputs": "ownnets.py"}, "ownnets.py"),
        ([], {"calibration": "nowhere.npy"}, "nowhere.npy"),
        ([], {"weights": "images.npy"}, "images.npy"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], more: list[str], files: dict[str, str], words: str
) -> None:
    code, error = export(folder, capsys, *more, **files)
    assert code == 2
    assert error.count("\n") == 1
    assert words in error
    assert not (folder / "mine.h5").exists()


def test_an_existing_trace_is_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "mine.h5").write_text("precious")
    assert export(folder, capsys)[0] == 2
    assert (folder / "mine.h5").read_text() == "precious"
