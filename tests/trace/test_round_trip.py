"""What is written is what is read, for any geometry, scheme, batching and image range."""

from __future__ import annotations

import json
import pickle
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.trace import (
    Approximation,
    LayerShape,
    LayerTrace,
    Scheme,
    TraceWriter,
    check_trace,
    header,
    open_trace,
    write_synthetic_trace,
)
from accelsim.trace.synthetic import SMALL_NETWORK

ROOT = Path(__file__).resolve().parents[2]


@st.composite
def shapes(draw):
    groups = draw(st.integers(1, 3))
    return LayerShape(
        kind="conv",
        c_in=groups * draw(st.integers(1, 3)),
        c_out=groups * draw(st.integers(1, 21)),
        kernel=(1, draw(st.integers(1, 3))),
        padding=(0, 1),
        groups=groups,
        h_in=draw(st.integers(1, 5)),
        w_in=draw(st.integers(1, 5)),
    )


def random_nm(shape, keep, of, images, rng):
    """N:M masks drawn group by group, the slow obvious way."""
    masks = np.zeros((images, shape.positions, shape.n), bool)
    per_group = shape.n // shape.groups
    for image in range(images):
        for position in range(shape.positions):
            for first in range(0, shape.n, per_group):
                for start in range(first, first + per_group, of):
                    members = list(range(start, min(start + of, first + per_group)))
                    chosen = rng.permutation(members)[: min(keep, len(members))]
                    masks[image, position, chosen] = True
    return masks


@settings(deadline=None, max_examples=25)
@given(data=st.data(), shape_list=st.lists(shapes(), min_size=1, max_size=3), images=st.integers(1, 6))
def test_round_trip(data, shape_list, images):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    of = data.draw(st.integers(1, 9))
    nm = Scheme.nm(keep=data.draw(st.integers(1, of)), of=of)
    ids = data.draw(st.lists(st.integers(0, 10**6), min_size=images, max_size=images, unique=True))
    # Small blocks, so that a few images make several.
    block_bytes = data.draw(st.sampled_from([1, 40, 200, header.BLOCK_BYTES]))
    written = {}
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(header, "BLOCK_BYTES", block_bytes)
        path = Path(folder) / "t.h5"
        with TraceWriter(path, network="net", dataset="set", image_ids=ids, seeds={"P": 3}) as writer:
            writer.add_scheme(
                Scheme.unstructured(noise=0.7, scope="calibrated"), accuracy=0.5, accuracy_images=10
            )
            writer.add_scheme(nm)
            for i, shape in enumerate(shape_list):
                writer.add_layer(f"layer{i}", shape, Approximation(k=1, nnz=1, seed=i))
                written["unstructured-70-calibrated", i] = (
                    rng.random((images, shape.positions, shape.n)) < 0.3
                )
                written[nm.name, i] = random_nm(shape, nm.keep, nm.of, images, rng)
            for (scheme, i), masks in written.items():
                start = 0
                while start < images:
                    batch = masks[start : start + data.draw(st.integers(1, images))]
                    writer.write(scheme, f"layer{i}", batch if start % 2 else batch.astype(np.uint8))
                    start += len(batch)
        trace = open_trace(path)
        assert (trace.network, trace.dataset, trace.image_ids) == ("net", "set", tuple(ids))
        assert trace.accuracy("unstructured-70-calibrated") == (0.5, 10)
        assert trace.accuracy(nm) is None
        assert [layer.shape for layer in trace.layers] == shape_list
        assert check_trace(path).problems == ()
        for (scheme, i), masks in written.items():
            start = data.draw(st.integers(0, images - 1))
            stop = data.draw(st.integers(start + 1, images))
            layer = trace.layer(f"layer{i}", scheme, slice(start, stop))
            assert layer.image_ids == tuple(ids[start:stop])
            assert layer.index == i
            assert layer.approximation == Approximation(k=1, nnz=1, seed=i)
            assert np.array_equal(layer.essential(), masks[start:stop])
            direct = LayerTrace.from_masks(
                f"layer{i}", shape_list[i], Scheme.parse(scheme), masks[start:stop], layer.approximation
            )
            assert np.array_equal(direct.masks, layer.masks)


def test_bit_order_by_hand(tmp_path):
    shape = LayerShape(kind="conv", c_in=1, c_out=11, kernel=(1, 1), h_in=1, w_in=2)
    masks = np.zeros((1, 2, 11), bool)
    masks[0, 0, [0, 3, 8]] = True
    masks[0, 1, [7, 10]] = True
    with TraceWriter(tmp_path / "t.h5", network="n", dataset="d", image_ids=[5]) as writer:
        writer.add_layer("a", shape, Approximation(k=1, nnz=1, seed=0))
        writer.add_scheme(Scheme.unstructured(noise=0.8, scope="calibrated"))
        writer.write("unstructured-80-calibrated", "a", masks)
    packed = [[[0b00001001, 0b00000001], [0b10000000, 0b00000100]]]
    assert open_trace(tmp_path / "t.h5").layer("a", "unstructured-80-calibrated").masks.tolist() == packed
    with h5py.File(tmp_path / "t.h5") as file:
        assert file["masks/unstructured-80-calibrated/a"][()].tolist() == packed
        assert json.loads(file["header"][()])["layers"][0]["n"] == 11


def test_every_header_fact_comes_back(tmp_path):
    with TraceWriter(
        tmp_path / "t.h5",
        network="resnet18",
        dataset="cifar10-test",
        image_ids=np.array([3, 1, 2]),
        weights_sha256="ab" * 32,
        seeds={"P": 1, "threshold": 2**64 - 1},
        tools={"torch": "2.13.0"},
        notes="two\nlines, über",
    ) as writer:
        writer.add_layer("fc", LayerShape.linear(4, 2))
        writer.add_scheme(Scheme.dense(), accuracy=0.25, accuracy_images=8)
    trace = open_trace(tmp_path / "t.h5")
    assert trace.image_ids == (3, 1, 2)
    assert trace.weights_sha256 == "ab" * 32
    assert trace.seeds == {"P": 1, "threshold": 2**64 - 1}
    assert trace.tools["torch"] == "2.13.0" and "accelsim" in trace.tools
    assert trace.notes == "two\nlines, über"
    assert trace.format_version == "1.0"
    assert trace.schemes == (Scheme.dense(),)
    assert trace.accuracy("dense") == (0.25, 8)


def test_dense_layers_have_no_masks(tmp_path):
    path = write_synthetic_trace(tmp_path / "t.h5", [Scheme.nm(keep=1, of=4)], images=3)
    trace = open_trace(path)
    always = trace.layer("fc", "nm-1of4", slice(1, 3))
    assert always.is_dense and always.masks is None and always.image_ids == (1, 2)
    dense = trace.layer("conv1", "dense")
    assert dense.is_dense and dense.images == 3 and dense.essential().all()
    assert dense.approximation == SMALL_NETWORK["conv1"][1]


def test_same_content_same_hash(tmp_path):
    schemes = [Scheme.unstructured(noise=0.9), Scheme.nm(keep=1, of=8)]
    a = write_synthetic_trace(tmp_path / "a.h5", schemes, images=2, seed=4)
    b = write_synthetic_trace(tmp_path / "b.h5", schemes, images=2, seed=4)
    c = write_synthetic_trace(tmp_path / "c.h5", schemes, images=2, seed=5)
    assert a.read_bytes() == b.read_bytes()
    assert open_trace(a).sha256 == open_trace(b).sha256 != open_trace(c).sha256


def test_hash_does_not_depend_on_compression(tmp_path, monkeypatch):
    scheme = [Scheme.unstructured(noise=0.99)]
    a = write_synthetic_trace(tmp_path / "a.h5", scheme, images=8)
    monkeypatch.setattr("accelsim.trace.container.GZIP_PAYS_BELOW", 0.0)
    b = write_synthetic_trace(tmp_path / "b.h5", scheme, images=8)
    assert a.stat().st_size < b.stat().st_size
    assert open_trace(a).sha256 == open_trace(b).sha256
    masks = [open_trace(p).layer("conv1", scheme[0]).masks for p in (a, b)]
    assert np.array_equal(*masks)


def test_trace_file_can_be_pickled(tmp_path):
    trace = open_trace(write_synthetic_trace(tmp_path / "t.h5", [Scheme.nm(keep=2, of=4)]))
    other = pickle.loads(pickle.dumps(trace))
    assert np.array_equal(other.layer("conv2", "nm-2of4").masks, trace.layer("conv2", "nm-2of4").masks)


def test_masks_are_read_only(tmp_path):
    trace = open_trace(write_synthetic_trace(tmp_path / "t.h5", [Scheme.nm(keep=2, of=4)]))
    with pytest.raises(ValueError, match="read-only"):
        trace.layer("conv2", "nm-2of4").masks[0, 0, 0] = 1


def test_example_in_the_documentation_runs(tmp_path, monkeypatch):
    text = (ROOT / "docs" / "trace-format.md").read_text(encoding="utf-8")
    code = text.split("```python\n")[1].split("```")[0]
    assert len(code.splitlines()) <= 18
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "trace-format.md", "exec"), {})
    assert open_trace(tmp_path / "mine.h5").network == "mine"
