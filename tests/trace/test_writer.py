"""The writer: bad input refused, the file whole or absent, memory bounded."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from accelsim.errors import AccelsimError
from accelsim.trace import Approximation, LayerShape, LayerTrace, Scheme, TraceWriter, open_trace

SHAPE = LayerShape(kind="conv", c_in=4, c_out=20, kernel=(3, 3), padding=(1, 1), h_in=2, w_in=2, groups=2)
P = Approximation(k=2, nnz=1, seed=1)
UNSTRUCTURED, NM = Scheme.unstructured(noise=0.5, scope="calibrated"), Scheme.nm(keep=1, of=4)


def writer(path, **changes):
    given = {"network": "n", "dataset": "d", "image_ids": [0, 1]}
    return TraceWriter(path, **given | changes)


def nm_masks(images=2):
    """1:4 in each of two conv groups of 10 channels: two full groups and a partial one of two."""
    masks = np.zeros((images, 4, 20), bool)
    masks[..., [0, 7, 9, 12, 14, 18]] = True
    return masks


def fill(w):
    w.add_layer("a", SHAPE, P)
    w.add_scheme(UNSTRUCTURED)
    w.add_scheme(NM)
    w.write(UNSTRUCTURED, "a", np.ones((2, 4, 20), bool))
    w.write(NM, "a", nm_masks())


def with_bit(image, position, neuron, value=True):
    masks = nm_masks()
    masks[image, position, neuron] = value
    return masks


@pytest.mark.parametrize(
    ("word", "changes"),
    [
        ("network", {"network": ""}),
        ("network", {"network": None}),
        ("dataset", {"dataset": "x" * 201}),
        ("image_ids is empty", {"image_ids": []}),
        ("image_ids[1]", {"image_ids": [0, -1]}),
        ("image_ids[0]", {"image_ids": [0.5]}),
        ("image_ids holds 3 twice", {"image_ids": [3, 3]}),
        ("image_ids", {"image_ids": 7}),
        ("weights_sha256", {"weights_sha256": "AB" * 32}),
        ("seeds: P", {"seeds": {"P": 0.5}}),
        ("tools: torch", {"tools": {"torch": 2}}),
        ("notes", {"notes": None}),
    ],
)
def test_constructor_refuses(tmp_path, word, changes):
    with pytest.raises(AccelsimError) as caught:
        writer(tmp_path / "t.h5", **changes)
    assert word in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("word", "act"),
    [
        ("layer a is there already", lambda w: w.add_layer("a", SHAPE)),
        ("layer name", lambda w: w.add_layer("a/b", SHAPE)),
        ("layer name", lambda w: w.add_layer("a\n", SHAPE)),
        ("layer name", lambda w: w.add_layer(".", SHAPE)),
        ("allowed: a LayerShape", lambda w: w.add_layer("b", (3, 3))),
        ("allowed: an Approximation", lambda w: w.add_layer("b", SHAPE, 16)),
        ("nnz 37", lambda w: w.add_layer("b", SHAPE, Approximation(k=2, nnz=37, seed=0))),
        ("scheme nm-1of4 is there already", lambda w: w.add_scheme(NM)),
        ("allowed: a Scheme", lambda w: w.add_scheme("nm-1of4")),
        ("accuracy", lambda w: w.add_scheme(Scheme.dense(), accuracy=83.0, accuracy_images=10)),
        ("accuracy", lambda w: w.add_scheme(Scheme.dense(), accuracy=float("nan"), accuracy_images=10)),
        ("accuracy", lambda w: w.add_scheme(Scheme.dense(), accuracy=0.5)),
        ("accuracy_images", lambda w: w.add_scheme(Scheme.dense(), accuracy=0.5, accuracy_images=0)),
        ("scheme 'nm-1of8' is unknown", lambda w: w.write("nm-1of8", "a", nm_masks())),
        ("layer 'b' is unknown", lambda w: w.write(NM, "b", nm_masks())),
        ("is dense", lambda w: w.write(NM, "fc", np.ones((1, 1, 5), bool))),
        ("NumPy array", lambda w: w.write(NM, "a", nm_masks().tolist())),
        ("NumPy array", lambda w: w.write(NM, "a", None)),
        ("have shape (2, 4, 19)", lambda w: w.write(NM, "a", nm_masks()[..., 1:])),
        ("have shape (4, 20)", lambda w: w.write(NM, "a", nm_masks()[0])),
        ("have shape (0, 4, 20)", lambda w: w.write(NM, "a", nm_masks(0))),
        ("are float64", lambda w: w.write(NM, "a", nm_masks().astype(float))),
        ("hold 255", lambda w: w.write(NM, "a", nm_masks().astype("u1") * 255)),
        ("channels 0..3: 2 essential", lambda w: w.write(NM, "a", with_bit(1, 2, 1))),
        ("channels 14..17: 0 essential", lambda w: w.write(NM, "a", with_bit(0, 3, 14, False))),
        ("channels 8..9: 2 essential", lambda w: w.write(NM, "a", with_bit(0, 0, 8))),
        ("3 images; the file has 2", lambda w: w.write(NM, "a", nm_masks(3))),
    ],
)
def test_method_refuses_and_the_writer_goes_on(tmp_path, word, act):
    path = tmp_path / "t.h5"
    with writer(path) as w:
        w.add_layer("a", SHAPE, P)
        w.add_layer("fc", LayerShape.linear(20, 5))
        w.add_scheme(NM)
        with pytest.raises(AccelsimError) as caught:
            act(w)
        message = str(caught.value)
        assert word in message and "\n" not in message and message.startswith(f"{path}: ")
        w.write(NM, "a", nm_masks())
    assert np.array_equal(open_trace(path).layer("a", NM).essential(), nm_masks())


@pytest.mark.parametrize(
    ("word", "act"),
    [
        ("no layers", lambda w: w.add_scheme(NM)),
        ("no schemes", lambda w: w.add_layer("a", SHAPE, P)),
        ("layer a: masks of 0 images", lambda w: (w.add_scheme(NM), w.add_layer("a", SHAPE, P))),
        ("layer b: masks of 0 images", lambda w: (fill(w), w.add_layer("b", SHAPE, P))),
        (
            "masks of 1 images; the file needs all 2",
            lambda w: (w.add_scheme(NM), w.add_layer("a", SHAPE, P), w.write(NM, "a", nm_masks(1))),
        ),
    ],
)
def test_incomplete_file_is_not_made(tmp_path, word, act):
    with pytest.raises(AccelsimError, match=word), writer(tmp_path / "t.h5") as w:
        act(w)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_interrupted_writer_leaves_nothing(tmp_path, error):
    with pytest.raises(error), writer(tmp_path / "t.h5") as w:
        fill(w)
        assert len(list(tmp_path.iterdir())) == 1
        raise error
    assert list(tmp_path.iterdir()) == []


def test_existing_file(tmp_path):
    path = tmp_path / "t.h5"
    path.write_text("precious")
    with pytest.raises(AccelsimError, match="exists already"), writer(path) as w:
        fill(w)
    with pytest.raises(RuntimeError), writer(path, overwrite=True) as w:
        fill(w)
        raise RuntimeError
    assert path.read_text() == "precious"
    with writer(path, overwrite=True) as w:
        fill(w)
    assert open_trace(path).network == "n"
    assert list(tmp_path.iterdir()) == [path]


def test_file_that_appears_meanwhile_is_kept(tmp_path):
    path = tmp_path / "t.h5"
    with pytest.raises(AccelsimError, match="exists already"), writer(path) as w:
        fill(w)
        path.write_text("precious")
    assert path.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [path]


def test_impossible_places(tmp_path):
    for path in (tmp_path / "none" / "t.h5", tmp_path):
        with pytest.raises(AccelsimError, match="folder"), writer(path, overwrite=True):
            pass


def test_use_outside_with(tmp_path):
    w = writer(tmp_path / "t.h5")
    w.add_layer("a", SHAPE, P)
    w.add_scheme(NM)
    with pytest.raises(AccelsimError, match="'with'"):
        w.write(NM, "a", nm_masks())


def test_full_disk_is_one_line_and_leaves_nothing(tmp_path):
    """In a process of its own: the limit on file size holds for all of it, and stays."""
    code = f"""
import resource, signal
import numpy as np
from accelsim.errors import AccelsimError
from accelsim.trace import *
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
shape = LayerShape(kind="conv", c_in=1, c_out=64, kernel=(1, 1), h_in=32, w_in=32)
try:
    with TraceWriter({str(tmp_path / "t.h5")!r}, network="n", dataset="d", image_ids=range(64)) as w:
        w.add_layer("a", shape, Approximation(1, 1, 0))
        w.add_scheme(Scheme.unstructured(0.5, scope="calibrated"))
        rng = np.random.default_rng(0)
        for _ in range(64):
            w.write("unstructured-50-calibrated", "a", rng.random((1, 1024, 64)) < 0.5)
except AccelsimError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{tmp_path / 't.h5'}: cannot write: ")
    assert done.stdout.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_images(tmp_path):
    shape = LayerShape(kind="conv", c_in=1, c_out=64, kernel=(1, 1), h_in=32, w_in=32)
    rng = np.random.default_rng(0)
    images = 256  # 2 MiB of packed masks, in 8 blocks
    tracemalloc.start()
    with writer(tmp_path / "t.h5", image_ids=range(images)) as w:
        w.add_layer("a", shape, P)
        w.add_scheme(UNSTRUCTURED)
        for _ in range(images):
            w.write(UNSTRUCTURED, "a", rng.random((1, 1024, 64)) < 0.5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.75 * 2**20
    assert (tmp_path / "t.h5").stat().st_size > 2 * 2**20


def test_large_batch_costs_no_large_copy(tmp_path):
    shape = LayerShape(kind="conv", c_in=1, c_out=64, kernel=(1, 1), h_in=32, w_in=32)
    masks = np.random.default_rng(0).integers(0, 2, (256, 1024, 64), np.uint8)  # 16 MiB
    with writer(tmp_path / "t.h5", image_ids=range(256)) as w:
        w.add_layer("a", shape, P)
        w.add_scheme(UNSTRUCTURED)
        tracemalloc.start()
        w.write(UNSTRUCTURED, "a", masks)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 6 * 2**20
    assert np.array_equal(open_trace(tmp_path / "t.h5").layer("a", UNSTRUCTURED).essential(), masks == 1)


@pytest.mark.parametrize(
    ("word", "make"),
    [
        ("have shape", lambda: LayerTrace.from_masks("a", SHAPE, NM, nm_masks()[0], P)),
        ("essential", lambda: LayerTrace.from_masks("a", SHAPE, NM, with_bit(0, 0, 1), P)),
        ("missing", lambda: LayerTrace.from_masks("a", SHAPE, NM, None, P)),
        ("approximation", lambda: LayerTrace.from_masks("a", SHAPE, NM, nm_masks())),
        ("dense", lambda: LayerTrace.from_masks("a", SHAPE, Scheme.dense(), nm_masks(), P)),
        ("masks are uint8", lambda: LayerTrace.from_masks("a", SHAPE, NM, nm_masks(), P, image_ids=[1])),
    ],
)
def test_layer_trace_refuses(word, make):
    with pytest.raises(AccelsimError, match=word):
        make()
