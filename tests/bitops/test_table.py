"""The paper's BitOPs beside ours, and the command."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from accelsim import open_trace
from accelsim.bitops.paper_comparison import TRACES, entries, network_bitops
from accelsim.bitops.paper_tables import published
from accelsim.bundled import bundled_path
from accelsim.cli import main
from accelsim.trace import Scheme

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def traces() -> dict:
    return {name: open_trace(bundled_path(f"traces/{file}.h5")) for name, file in TRACES.items()}


def test_every_entry_is_matched_within_one_per_cent(traces) -> None:
    rows = entries(traces)
    assert len(rows) == 12 + 6 + 22
    for row in rows:
        assert abs(row.difference) < 0.01, row
    ours = {(row.table, row.dataset, row.method): row for row in rows}
    assert round(100 * (ours[1, "cifar10", "noise-injection-90"].ours_relative - 1), 1) == -82.6
    # Neurons of a layer are whole: 1 % of them is rounded, layer by layer.
    assert ours[1, "cifar10", "noise-injection-99"].ours_relative == pytest.approx(0.01 + 20 / 272, abs=1e-4)


@pytest.mark.parametrize("network", ["resnet18", "wrn34-10"])
def test_one_dense_cost_explains_every_printed_digit(network: str) -> None:
    """With a = 20/272 there is a D such that (a + 1 - r) D rounds to all that is printed of our schemes and of dense."""
    low, high = 0.0, float("inf")
    for row in published():
        if row.network == network and not row.method.startswith(("rse", "rpf")):
            noisy = row.scheme.kind != "dense"
            factor = 1 - row.scheme.noise + (20 / 272 if noisy else 0)
            low = max(low, (row.bitops - row.rounding) / factor)
            high = min(high, (row.bitops + row.rounding) / factor)
    assert low < high
    assert (low, high) == pytest.approx(
        (2.6039e9, 2.6039e9) if network == "resnet18" else (2.8093e10, 2.815e10), rel=1e-4
    )


def test_what_the_tables_say() -> None:
    rows = {(row.table, row.dataset, row.network, row.method): row for row in published()}
    row = rows[4, "cifar100", "resnet18", "noise-injection-7:8"]
    assert (row.bitops, row.scheme, row.rounding) == (5.17e8, Scheme.nm(keep=1, of=8), 0.5e6)
    assert dict(row.accuracy) == {"clean": 55.51, "pgd20": 39.56}
    assert rows[1, "cifar10", "resnet18", "rse-add"].scheme == Scheme.dense()


def test_projection_can_be_left_out_and_k_changed(traces) -> None:
    layers = traces["resnet18"].layers
    scheme = Scheme.nm(keep=1, of=8)
    built = network_bitops(layers, scheme)
    free = network_bitops(layers, scheme, projection=False)
    assert free.projection == 0 and built.precise == free.precise and built.approximate == free.approximate
    whole = network_bitops(layers, scheme, k_ratio=1.0)
    # All layers but the fully connected one are approximated with k = d.
    convolutions = sum(layer.shape.macs for layer in layers if layer.approximation is not None)
    assert whole.approximate == 20 * convolutions
    assert whole.projection > 8 * built.projection / 3


def test_the_command_prints_the_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["bitops", "--json", "--out", str(tmp_path / "sub" / "b.csv")])
    assert not stopped.value.code
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 40 and rows[4]["method"] == "noise-injection-90"
    with (tmp_path / "sub" / "b.csv").open() as file:
        assert [row["method"] for row in csv.DictReader(file)] == [row["method"] for row in rows]
    with pytest.raises(SystemExit):
        main(["bitops"])
    assert "-0.18 %" in capsys.readouterr().out


def test_the_command_on_a_trace(capsys: pytest.CaptureFixture[str], small_trace: Path) -> None:
    with pytest.raises(SystemExit):
        main(["bitops", str(small_trace), "--images", "0:1", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["scheme"] == "dense" and rows[0]["relative"] == 1.0
    for row in rows:
        shares = row["precise_share"] + row["approximate_share"] + row["projection_share"]
        assert shares == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--images", "0:1"], "--images needs a TRACE"),
        (["--out", "b.txt"], "must end in .csv"),
        (["no-such.h5"], "no-such.h5"),
        (["--markdown", "--json"], "leave TRACE, --json and --out out"),
        (["resnet18-cifar10", "--images", "7:9"], "are not all in the trace"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], message: str, capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["bitops", *arguments])
    told = capsys.readouterr().err
    assert stopped.value.code == 2 and message in told and told.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_the_document_shows_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """After a change: `accelsim bitops --markdown` between the marks."""
    with pytest.raises(SystemExit):
        main(["bitops", "--markdown"])
    text = (ROOT / "docs/robustness.md").read_text(encoding="utf-8")
    assert text.split("<!-- bitops -->\n")[1].split("<!-- /bitops -->")[0] == capsys.readouterr().out


def test_what_the_document_says_of_the_projection(traces) -> None:
    for network, charged, low, high in (("resnet18", 0.165, 4.685, 4.695), ("wrn34-10", 0.172, 4.215, 4.235)):
        layers = traces[network].layers
        dense = network_bitops(layers, Scheme.dense()).total
        whole = network_bitops(layers, Scheme.nm(keep=1, of=8), k_ratio=1.0)
        assert whole.projection / dense == pytest.approx(charged, abs=5e-4)
        assert whole.approximate / dense == pytest.approx(20 / 272, abs=1e-5)
        charged_too = network_bitops(layers, Scheme.nm(keep=1, of=8), k_ratio=0.304)
        share = (charged_too.approximate + charged_too.projection) / dense
        assert share == pytest.approx({"resnet18": 0.0725, "wrn34-10": 0.0747}[network], abs=1e-4)
        macs = sum(layer.shape.macs for layer in layers)
        printed = {"resnet18": (2.6039e9,), "wrn34-10": (2.8093e10, 2.8150e10)}[network]
        assert all(low <= value / macs <= high for value in printed)
    layers = traces["resnet18"].layers
    for noise, share in ((0.9, 0.26), (0.99, 0.59)):
        spent = network_bitops(layers, Scheme.unstructured(noise))
        assert spent.projection / spent.total == pytest.approx(share, abs=0.005)
