"""idx files, training that resumes, and the command that makes Tables 2 and 3, on tiny data sets."""

from __future__ import annotations

import csv
import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from accelsim.errors import AccelsimError
from accelsim.marked import between
from accelsim.nn.data import idx
from accelsim.nn.spiking.run_settings import Settings
from models.nit import reproduce, training
from models.nit.nit_columns import ALL, NitColumn
from models.nit.nit_results import ResultRow, read_results, write_results
from models.nit.nit_tables import MARKER, documents, paper_numbers, tables_markdown

COUNTS = {"train": 120, "t10k": 80}


@pytest.fixture
def small_parts(monkeypatch):
    """Files of 120 and 80 images instead of 60,000 and 10,000."""
    monkeypatch.setattr(idx, "PARTS", tuple(COUNTS.items()))


def _write(folder, name: str, values: np.ndarray, *, zipped: bool) -> None:
    raw = bytes((0, 0, 8, values.ndim)) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()
    if zipped:
        (folder / f"{name}.gz").write_bytes(gzip.compress(raw))
    else:
        (folder / name).write_bytes(raw)


@pytest.fixture
def digits(tmp_path, small_parts):
    """A folder of four files: class c is a bright band of rows 2c and 2c + 1, in noise."""
    folder = tmp_path / "digits"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for part, count in COUNTS.items():
        labels = rng.integers(0, 10, count).astype(np.uint8)
        images = rng.integers(0, 60, (count, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 * label : 2 * label + 2] += 190
        _write(folder, f"{part}-images-idx3-ubyte", images, zipped=part == "train")
        _write(folder, f"{part}-labels-idx1-ubyte", labels, zipped=part == "train")
    return folder


def test_reads_plain_and_gzipped_files_in_order(digits):
    data = idx.load_digits(digits)
    assert data.images.shape == (200, 28, 28) and data.images.dtype == torch.uint8
    assert len(data) == 200 and data.labels.dtype == torch.int64
    pixels, labels = data.take(torch.tensor([150]))
    assert pixels.shape == (1, 784) and pixels.max() <= 1.0
    # The band of the class is where the label says, also for an image of the second file.
    assert int(pixels.reshape(28, 28).mean(dim=1).argmax()) // 2 == int(labels)


def _damaged(folder, name, change):
    path = folder / name
    raw = change(path.read_bytes())
    path.write_bytes(raw)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f / "t10k-labels-idx1-ubyte").unlink(), "missing, with or without .gz"),
        (lambda f: _damaged(f, "train-images-idx3-ubyte.gz", lambda raw: raw[:500]), "cannot read"),
        (lambda f: _damaged(f, "t10k-images-idx3-ubyte", lambda raw: b"\1" + raw[1:]), "not an idx file"),
        (
            lambda f: _damaged(f, "t10k-images-idx3-ubyte", lambda raw: raw[:-1]),
            "62719 values, must be 62720",
        ),
        (
            lambda f: _damaged(f, "t10k-labels-idx1-ubyte", lambda raw: raw[:-1] + b"\x0b"),
            "label 11, must be 0 to 9",
        ),
    ],
)
def test_refuses_damaged_files_in_one_line(digits, change, message):
    change(digits)
    with pytest.raises(AccelsimError, match=message) as error:
        idx.load_digits(digits)
    assert "\n" not in str(error.value)


def test_split_is_a_partition():
    split = idx.split_digits(1000, 3)
    parts = torch.cat([split.train, split.validation, split.test])
    assert [len(p) for p in (split.train, split.validation, split.test)] == [700, 200, 100]
    assert torch.equal(parts.sort().values, torch.arange(1000))
    assert not torch.equal(idx.split_digits(1000, 4).test, split.test)


class _Stop(Exception):
    pass


@pytest.mark.parametrize("method", ["stbp", "nit-s+"])
def test_resumes_to_the_same_weights(digits, tmp_path, method):
    data = idx.load_digits(digits)
    settings = Settings(method=method, epochs=4, batch=50, replications=4, steps=3)
    index = torch.arange(150)
    whole = training.train(settings, data, index, tmp_path / "whole")

    def stop_at_two(epoch, loss, network):
        if epoch == 2:
            raise _Stop

    with pytest.raises(_Stop):
        training.train(settings, data, index, tmp_path / "parts", stop_at_two)
    resumed = training.train(settings, data, index, tmp_path / "parts")
    for ours, theirs in zip(resumed.parameters(), whole.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    with pytest.raises(AccelsimError, match="holds a run of other settings"):
        training.train(settings.model_copy(update={"lr": 0.1}), data, index, tmp_path / "parts")


@pytest.mark.parametrize("method", ["stbp", "stbp-n", "nit", "nit-s"])
def test_learns(digits, tmp_path, method):
    """Ten bands are told apart; only NIT moves sigma; nothing leaves the compact set."""
    data = idx.load_digits(digits)
    settings = Settings(method=method, epochs=40, batch=40, replications=20, steps=4, lr=0.01)
    losses = []
    network = training.train(
        settings, data, torch.arange(160), tmp_path, lambda epoch, loss, _: losses.append(loss)
    )
    assert losses[-1] < 0.5 * losses[0]
    levels = torch.cat([layer.sigma for layer in network.noisy_layers()])
    assert bool((levels == 1.0).all()) is not settings.learns_noise
    assert levels.min() >= 0.05 and levels.max() <= 2.0


def test_command_makes_both_tables_and_goes_on(digits, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(reproduce, "SMOKE_IMAGES", 8)
    few = ("clean", "fgsm", "lr-fgsm", "nattack")
    columns = tuple(column for column in ALL if column.name in few)
    monkeypatch.setattr(reproduce, "COLUMNS", columns)
    arguments = [
        "--mnist",
        str(digits),
        "--fashion-mnist",
        str(digits),
        "--out",
        str(tmp_path / "out"),
        "--smoke",
    ]
    assert reproduce.main([*arguments, "--threads", "1"]) == 0
    first = (tmp_path / "out/tables.md").read_text()
    with (tmp_path / "out/results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(r["dataset"], r["method"]) for r in rows] == [
        *(("mnist", m) for m in ("stbp", "stbp-n", "nit", "nit-s")),
        *(("fashion-mnist", m) for m in ("stbp", "stbp-n", "nit", "nit-s", "nit-s+")),
    ]
    assert all(0 <= float(r["clean"]) <= 100 for r in rows)
    assert {r["method"] for r in rows if not r["lr-fgsm"]} == {"stbp"}
    assert all(int(r["cpu_s"]) >= 0 for r in rows)
    assert "on 9 of the 9 networks" in first
    # A second call trains and attacks nothing: every accuracy is read back, and the documents are filled.
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in ("nit.md", "reproduction.md"):
        (docs / name).write_text(f"# Before\n<!-- {MARKER} -->\nold\n<!-- /{MARKER} -->\nAfter\n")
    monkeypatch.setattr(training, "_step", None)
    monkeypatch.setattr(NitColumn, "perturb", None)
    capsys.readouterr()
    assert reproduce.main([*arguments, "--threads", "1", "--docs", str(docs)]) == 0
    assert (tmp_path / "out/tables.md").read_text() == first
    assert between(docs / "nit.md", MARKER) == first
    assert between(docs / "reproduction.md", MARKER).count("| paper |") == 9
    assert tables_markdown(read_results(docs / "results/nit.csv")) == first


def test_documents_without_markers_are_told_before_the_work(digits, tmp_path, capsys):
    (tmp_path / "nit.md").write_text("# Something else\n")
    arguments = ["--mnist", str(digits), "--out", str(tmp_path / "out"), "--docs", str(tmp_path)]
    assert reproduce.main(arguments) == 2
    assert "nit.md: without the lines <!-- nit -->" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "o"], "no data"),
        (["--mnist", "nowhere", "--out", "o"], "missing"),
        (["--mnist", "nowhere", "--out", "o", "--epochs", "0"], "'--epochs': 0 is not in the range"),
    ],
)
def test_command_tells_faults_in_one_line(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert reproduce.main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_results_are_read_back_as_written(tmp_path):
    rows = [
        ResultRow("mnist", "stbp", 0, 15, 1000, {"clean": 93.4, "clean-all": 93.71}),
        ResultRow("fashion-mnist", "nit-s+", 2, 15, 1000, {"clean": 74.0, "lr-pgd": 0.0}, 250),
    ]
    write_results(tmp_path / "r.csv", rows)
    assert read_results(tmp_path / "r.csv") == rows


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("clean", "cleen", 1), "line 1: not the columns"),
        (lambda text: text.replace("93.40", "high"), "line 2: could not convert string to float: 'high'"),
        (lambda text: text + "mnist,nit\n", "line 3: 2 values, must be 23"),
        (lambda text: "", "line 1: not the columns"),
    ],
)
def test_refuses_other_files_of_results(tmp_path, change, message):
    path = tmp_path / "r.csv"
    write_results(path, [ResultRow("mnist", "stbp", 0, 15, 1000, {"clean": 93.4})])
    path.write_text(change(path.read_text()))
    with pytest.raises(AccelsimError, match=message) as error:
        read_results(path)
    assert "\n" not in str(error.value)


def test_time_counts_networks_that_were_not_timed_as_the_others_of_their_method():
    rows = [
        ResultRow("mnist", "nit", seed, 15, 1000, {"clean": 90.0}, cpu_s)
        for seed, cpu_s in enumerate([300, 420, None])
    ]
    assert "nit 6.0 (measured on 2 of the 3 networks" in tables_markdown(rows)
    assert "all 3: 18, on one core" in tables_markdown(rows)
    assert "CPU minutes" not in tables_markdown(
        [*rows, ResultRow("mnist", "stbp", 0, 15, 1000, {"clean": 90.0})]
    )


def test_tables_give_mean_spread_and_the_lowest():
    rows = [
        ResultRow("mnist", "nit", seed, 15, 1000, {"clean": clean, "fgsm": 40.0, "eot-pgd": low})
        for seed, clean, low in ((0, 90.0, 10.0), (1, 92.0, 12.0))
    ]
    text = tables_markdown(rows)
    assert "| nit | ours | 91.0 ± 1.4 | 40.0 ± 0.0 |" in text
    assert "|  | paper | 92.3 | 81.4 |" in text
    assert "11.0 ± 1.4 |\n" in text  # worst


def test_the_tables_of_the_documents_are_those_of_the_results():
    docs = Path(__file__).resolve().parents[3] / "docs"
    for name, content in documents(read_results(docs / "results/nit.csv")).items():
        assert between(docs / name, MARKER) == content, name


def test_paper_numbers_are_whole():
    paper = paper_numbers()
    assert len(paper) == 9 and all(len(row) == 8 for row in paper.values())
    assert paper["fashion-mnist", "nit-s+"]["fgsm"] == 72.1
