"""Layers of spiking neurons in a trace file: format 2.0, and files without any, which stay 1.0."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.errors import AccelsimError
from accelsim.trace import (
    Approximation,
    LayerShape,
    LayerTrace,
    Scheme,
    TraceWriter,
    check_trace,
    open_trace,
    write_synthetic_trace,
)
from accelsim.trace.container import spikes_path

IMAGES, STEPS, INPUTS = 3, 5, 11


def spikes(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((IMAGES, STEPS, INPUTS)) < 0.2


def write(path: Path, *, noise: bool = False) -> Path:
    with TraceWriter(path, network="net", dataset="data", image_ids=range(IMAGES)) as trace:
        trace.add_layer("in", LayerShape.current(7, INPUTS, STEPS, noise=noise))
        trace.add_layer("out", LayerShape.spiking(INPUTS, 4, STEPS, noise=noise))
        trace.add_scheme(Scheme.dense(), 0.5, 10)
        trace.write_spikes("out", spikes()[:1])
        trace.write_spikes("out", spikes()[1:])
    return path


def rewrite_header(path: Path, **changes: object) -> None:
    """The file with another header whose digest is right."""
    from accelsim.trace.header import header_sha256

    with h5py.File(path, "r+") as file:
        document = json.loads(file["header"][()]) | changes
        text = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        del file["header"], file["header_sha256"]
        file["header"] = np.bytes_(text)
        file["header_sha256"] = np.bytes_(header_sha256(text).encode())


@pytest.mark.parametrize("noise", [False, True])
def test_what_is_written_is_read(tmp_path: Path, noise: bool) -> None:
    trace = open_trace(write(tmp_path / "t.h5", noise=noise))
    assert trace.format_version == "2.0"
    first, second = trace.layers
    assert (first.shape.kind, first.shape.positions, first.shape.steps) == ("current", 1, STEPS)
    assert (second.shape.kind, second.shape.positions, second.shape.d) == ("spiking", STEPS, INPUTS)
    assert first.shape.noise == second.shape.noise == noise
    layer = trace.layer("out", "dense", images=slice(1, 3))
    unpacked = np.unpackbits(layer.spikes, axis=-1, count=INPUTS, bitorder="little").astype(bool)
    assert np.array_equal(unpacked, spikes()[1:])
    assert layer.masks is None and layer.is_dense
    assert trace.layer("in", "dense").spikes is None
    report = check_trace(tmp_path / "t.h5")
    assert report.ok and report.blocks_checked == 1


@settings(max_examples=25, deadline=None)
@given(d=st.integers(1, 40), steps=st.integers(1, 9), seed=st.integers(0, 1000))
def test_any_receivedsurvive(tmp_path_factory: pytest.TempPathFactory, d: int, steps: int, seed: int) -> None:
    drawn = np.random.default_rng(seed).random((2, steps, d)) < 0.3
    path = tmp_path_factory.mktemp("spikes") / "t.h5"
    shape = LayerShape.spiking(d, 3, steps)
    with TraceWriter(path, network="n", dataset="d", image_ids=[4, 2]) as trace:
        trace.add_layer("a", shape)
        trace.add_scheme(Scheme.dense())
        trace.write_spikes("a", drawn.astype(np.uint8))
    read = open_trace(path).layer("a", "dense")
    assert np.array_equal(read.spikes, LayerTrace.from_spikes("a", shape, drawn).spikes)


def test_a_file_without_spiking_neurons_is_of_format_1(tmp_path: Path) -> None:
    """Byte for byte what was written before there were any: no key of it names steps, noise or spikes."""
    path = write_synthetic_trace(tmp_path / "t.h5", [Scheme.nm(1, 4)])
    assert open_trace(path).format_version == "1.0"
    with h5py.File(path) as file:
        document = json.loads(file["header"][()])
    assert "spikes" not in document
    assert all(not {"steps", "noise"} & layer.keys() for layer in document["layers"])


def test_format_1_has_no_spiking_neurons(tmp_path: Path) -> None:
    path = write(tmp_path / "t.h5")
    rewrite_header(path, version=[1, 0])
    with pytest.raises(AccelsimError, match=r"layers\[0\]: kind current needs format 2.0"):
        open_trace(path)


def test_a_damaged_block_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "t.h5")
    with h5py.File(path, "r+") as file:
        file[spikes_path("out")][1, 2, 0] ^= 1
    (problem,) = check_trace(path).problems
    assert "spikes, layer out, images 0..2: damaged: block CRC-32" in problem
    with pytest.raises(AccelsimError, match="block CRC-32"):
        open_trace(path).layer("out", "dense")


def test_missing_receivedare_an_error(tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    with (
        pytest.raises(AccelsimError, match="layer a: spikes of 1 images; the file needs all 2"),
        TraceWriter(path, network="n", dataset="d", image_ids=[0, 1]) as trace,
    ):
        trace.add_layer("a", LayerShape.spiking(3, 3, 2))
        trace.add_scheme(Scheme.dense())
        trace.write_spikes("a", np.zeros((1, 2, 3), np.bool_))
    assert not path.exists()
    whole = write(tmp_path / "whole.h5")
    rewrite_header(whole, spikes=[])
    with pytest.raises(AccelsimError, match="spikes: layer 'out' is missing"):
        open_trace(whole)


@pytest.mark.parametrize(
    ("layer", "given", "message"),
    [
        ("in", np.zeros((1, 1, 7), np.bool_), "a layer of kind current has no input spikes"),
        ("other", np.zeros((1, 1, 7), np.bool_), "layer 'other' is unknown"),
        ("out", np.zeros((1, STEPS, 4), np.bool_), r"spikes have shape \(1, 5, 4\); allowed"),
        ("out", np.zeros((1, STEPS, INPUTS), np.float32), "spikes are float32"),
        ("out", np.full((1, STEPS, INPUTS), 2, np.uint8), "spikes hold 2"),
        ("out", np.zeros((9, STEPS, INPUTS), np.bool_), "9 images; the file has 3"),
    ],
)
def test_wrong_receivedare_refused(tmp_path: Path, layer: str, given: np.ndarray, message: str) -> None:
    with (
        pytest.raises(AccelsimError, match=message),
        TraceWriter(tmp_path / "t.h5", network="n", dataset="d", image_ids=range(IMAGES)) as trace,
    ):
        trace.add_layer("in", LayerShape.current(7, INPUTS, STEPS))
        trace.add_layer("out", LayerShape.spiking(INPUTS, 4, STEPS))
        trace.add_scheme(Scheme.dense())
        trace.write_spikes(layer, given)


def test_a_spiking_layer_has_no_approximation(tmp_path: Path) -> None:
    with (
        pytest.raises(AccelsimError, match="a layer of kind spiking has none"),
        TraceWriter(tmp_path / "t.h5", network="n", dataset="d", image_ids=[0]) as trace,
    ):
        trace.add_layer("out", LayerShape.spiking(INPUTS, 4, STEPS), Approximation(2, 2, 0))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "spiking", "steps": 3, "w_in": 2}, "a spiking layer of 3 steps has w_in 3, not 2"),
        ({"kind": "current", "steps": 3, "w_in": 3}, "a current layer of 3 steps has w_in 1, not 3"),
        ({"kind": "spiking", "steps": 3, "w_in": 3, "kernel": (1, 2)}, "use LayerShape.spiking"),
        ({"kind": "linear", "steps": 3}, "a layer of kind linear has 1 step and no noise"),
        ({"kind": "conv", "noise": True}, "a layer of kind conv has 1 step and no noise"),
        ({"kind": "spiking", "noise": 1}, "noise is 1; allowed: true, false"),
        ({"kind": "spiking", "steps": 0}, "steps is 0"),
        ({"kind": "spikes"}, "allowed: 'conv', 'linear', 'current', 'spiking'"),
    ],
)
def test_impossible_shapes(changes: dict[str, object], message: str) -> None:
    fields = {"kind": "linear", "c_in": 4, "c_out": 3, "kernel": (1, 1), "h_in": 1, "w_in": 1}
    with pytest.raises(AccelsimError, match=message):
        LayerShape(**(fields | changes))


def test_a_layer_trace_has_receivedif_its_kind_says_so() -> None:
    shape = LayerShape.spiking(4, 3, 2)
    packed = np.zeros((1, 2, 1), np.uint8)
    for other, received in ((shape, None), (LayerShape.linear(4, 3), packed)):
        with pytest.raises(AccelsimError, match="layers of kind 'spiking', and no others"):
            LayerTrace("a", 0, other, None, Scheme.dense(), (0,), None, received)
    with pytest.raises(AccelsimError, match="a spike bit at or above input 4 is set"):
        LayerTrace("a", 0, shape, None, Scheme.dense(), (0,), None, packed + 16)
