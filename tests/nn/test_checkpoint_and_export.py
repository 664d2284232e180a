"""Save and load a converted network, and export its masks to a trace file."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.nn.base.tensor_files import load_tensors, save_tensors
from accelsim.nn.injection.conversion import convert, non_essential_layers, set_scheme
from accelsim.nn.injection.converted_checkpoint import load_converted, round_weights, save_converted
from accelsim.nn.injection.distillation import distill
from accelsim.nn.networks import NETWORKS
from accelsim.nn.trace_export import export_trace
from accelsim.trace import LayerShape, Scheme, open_trace


@pytest.fixture
def converted(small_network: nn.Module, images: Tensor, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """The small network, registered under a name, rounded, converted and distilled."""
    fresh = copy.deepcopy(small_network)
    monkeypatch.setitem(NETWORKS, "small", lambda: copy.deepcopy(fresh))
    model = convert(small_network, Scheme.dense(), seed=6)
    round_weights(model)
    distill(model, [images])
    return model


def test_round_trip(converted: nn.Module, images: Tensor, tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    digest = save_converted(path, converted, "small", {"seeds": {"P": 6}})
    loaded = load_converted(path)
    assert (loaded.network, loaded.record, loaded.weights_sha256) == ("small", {"seeds": {"P": 6}}, digest)
    for (name, ours), (other, theirs) in zip(
        non_essential_layers(converted), non_essential_layers(loaded.model), strict=True
    ):
        assert name == other and torch.equal(ours.signs, theirs.signs)
        assert torch.equal(ours.w_codes(), theirs.w_codes()) and torch.equal(ours.b_codes(), theirs.b_codes())
    for scheme in ("dense", "nm-1of4", "unstructured-90", "unstructured-50-calibrated"):
        expected = set_scheme(converted, Scheme.parse(scheme))(images)
        actual = set_scheme(loaded.model, Scheme.parse(scheme))(images)
        torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)
    assert save_converted(tmp_path / "again", loaded.model, "small", {}) == digest
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again", "c.safetensors"]


def test_faulty_checkpoints(converted: nn.Module, small_network: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    with pytest.raises(AccelsimError, match=r"c\.safetensors: no such checkpoint; .*accelsim prepare"):
        load_converted(path)
    (tmp_path / "d.safetensors").touch()
    with pytest.raises(AccelsimError, match=r"no such checkpoint; did you mean .*/d\.safetensors"):
        load_converted(path)
    path.write_bytes(b"not a checkpoint at all")
    with pytest.raises(AccelsimError, match="cannot read"):
        load_converted(path)
    save_converted(path, converted, "small", {})
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(AccelsimError, match="cannot read"):
        load_converted(path)
    save_converted(path, converted, "small", {})
    tensors, metadata = load_tensors(path)
    del tensors["2.w_codes"]
    save_tensors(path, tensors, metadata)
    with pytest.raises(AccelsimError, match=r"damaged converted checkpoint: '2\.w_codes'"):
        load_converted(path)
    save_converted(path, converted, "resnet18", {})
    with pytest.raises(AccelsimError, match="does not fit the network"):
        load_converted(path)
    with pytest.raises(AccelsimError, match="not distilled"):
        save_converted(path, convert(small_network, Scheme.dense()), "small", {})
    with torch.no_grad():
        converted.get_parameter("5.inner.weight").add_(1e-6)
    with pytest.raises(AccelsimError, match="not rounded to float16"):
        save_converted(path, converted, "small", {})


def test_export_end_to_end(converted: nn.Module, images: Tensor, tmp_path: Path) -> None:
    schemes = [Scheme.parse(name) for name in ("dense", "nm-1of4", "unstructured-75")]
    path = tmp_path / "t.h5"
    export_trace(
        converted,
        images[:3],
        [4, 8, 15],
        path,
        schemes,
        network="small",
        dataset="random",
        seeds={"P": 6},
        accuracies={"nm-1of4": (0.5, 10)},
    )
    trace = open_trace(path)
    assert [layer.name for layer in trace.layers] == ["0", "2", "5", "7"]
    assert trace.layers[1].shape == LayerShape(
        kind="conv", c_in=8, c_out=12, kernel=(3, 3), stride=(2, 2), padding=(1, 1), groups=2, h_in=8, w_in=8
    )
    assert trace.layers[3].shape == LayerShape.linear(160, 5) and trace.layers[3].approximation is None
    assert trace.accuracy("nm-1of4") == (0.5, 10) and trace.accuracy("dense") is None
    assert trace.image_ids == (4, 8, 15)

    # The first layer's input is the image itself: its mask can be checked against the layer alone.
    layer = dict(non_essential_layers(converted))["0"]
    layer.selector.scheme = Scheme.nm(keep=1, of=4)
    expected = layer.selector(layer.by_position(layer.approximate(images[:3]))).numpy()
    essential = trace.layer("0", Scheme.nm(keep=1, of=4)).essential()
    assert np.mean(essential != expected) < 0.01  # float32 sums may differ with the batch size
    kept = trace.layer("2", Scheme.parse("unstructured-75")).essential().sum(axis=(1, 2))
    assert kept.tolist() == [round(0.25 * 12 * 16)] * 3
    assert trace.layer("7", Scheme.nm(keep=1, of=4)).masks is None
    in_force = {layer.selector.scheme.name for _, layer in non_essential_layers(converted)}
    assert in_force == {"nm-1of4", "dense"}  # as before: the test set layer 0, the rest is dense


def test_export_refuses_a_layer_that_runs_twice(images: Tensor, tmp_path: Path) -> None:
    conv = nn.Conv2d(3, 3, 3, padding=1)
    model = convert(nn.Sequential(conv, nn.ReLU(), conv), Scheme.dense())
    with pytest.raises(AccelsimError, match="layer 0 runs twice"):
        export_trace(model, images, range(48), tmp_path / "t.h5", [], network="x", dataset="y")


def test_failed_export_leaves_nothing(converted: nn.Module, images: Tensor, tmp_path: Path) -> None:
    with pytest.raises(AccelsimError):
        export_trace(
            converted, images[:3], [0], tmp_path / "t.h5", [Scheme.nm(keep=1, of=4)], network="x", dataset="y"
        )
    assert not list(tmp_path.iterdir())
    assert all(layer.selector.scheme == Scheme.dense() for _, layer in non_essential_layers(converted))
