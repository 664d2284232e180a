"""A damaged file is reported in one line that names it, or its damage does not matter: never other masks."""

from __future__ import annotations

import faulthandler
import random

import h5py
import numpy as np
import pytest

from accelsim.errors import AccelsimError
from accelsim.trace import Scheme, check_trace, header, open_trace, write_synthetic_trace
from accelsim.trace.container import masks_path
from accelsim.trace.synthetic import SMALL_NETWORK

SCHEMES = [Scheme.unstructured(noise=0.75), Scheme.nm(keep=1, of=8)]
IMAGES = 6


@pytest.fixture(autouse=True)
def no_hang():
    """A hang inside libhdf5 cannot be interrupted, so it ends the process, with a traceback."""
    faulthandler.dump_traceback_later(900, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A small file of several blocks a dataset, its bytes and all it says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(header, "BLOCK_BYTES", 800)
        path = write_synthetic_trace(tmp_path_factory.mktemp("sound") / "t.h5", SCHEMES, images=IMAGES)
    return path.read_bytes(), content(path), chunks(path)


def content(path):
    """Everything a simulation could see of a file."""
    trace = open_trace(path)
    masks = [
        trace.layer(layer.name, scheme).essential().tobytes()
        for scheme in trace.schemes
        for layer in trace.layers
    ]
    return trace.header, masks


def chunks(path):
    """(scheme, layer, first image, last image, byte offset, size) of every block, as HDF5 places it."""
    found = []
    trace = open_trace(path)
    with h5py.File(path) as file:
        for scheme in trace.schemes:
            for layer in trace.layers:
                if layer.is_dense(scheme):
                    continue
                dataset = file[masks_path(scheme.name, layer.name)]
                for i in range(dataset.id.get_num_chunks()):
                    info = dataset.id.get_chunk_info(i)
                    first = info.chunk_offset[0]
                    last = min(first + dataset.chunks[0], len(trace.image_ids)) - 1
                    found.append((scheme.name, layer.name, first, last, info.byte_offset, info.size))
    return found


def refusal(path, act=content):
    """The one-line message that `act` ends in, or None if it ends well."""
    try:
        act(path)
    except AccelsimError as error:
        message = str(error)
        assert message.startswith(f"{path}: ")
        assert "\n" not in message
        return message
    return None


def test_the_sound_file_has_many_blocks(sound):
    assert len(sound[2]) >= 14


@pytest.mark.parametrize("tenth", range(10))
def test_truncated(sound, tmp_path, tenth):
    data = sound[0]
    path = tmp_path / "cut.h5"
    path.write_bytes(data[: len(data) * tenth // 10])
    assert refusal(path) is not None
    assert not check_trace(path).ok


def test_last_byte_missing(sound, tmp_path):
    path = tmp_path / "cut.h5"
    path.write_bytes(sound[0][:-1])
    assert "truncated" in refusal(path)


def test_one_flipped_bit_in_each_block_is_named(sound, tmp_path):
    data, _, blocks = sound
    rng = random.Random(11)
    path = tmp_path / "flip.h5"
    for scheme, layer, first, last, offset, size in blocks:
        bad = bytearray(data)
        bad[offset + rng.randrange(size)] ^= 1 << rng.randrange(8)
        path.write_bytes(bad)
        name = f"scheme {scheme}, layer {layer}, images {first}..{last}: damaged"
        assert name in refusal(path)
        report = check_trace(path)
        assert len(report.problems) == 1 and name in report.problems[0]
        assert report.blocks_checked == len(blocks)


def test_only_the_blocks_asked_for_are_read(sound, tmp_path):
    data, _, blocks = sound
    scheme, layer, first, last, offset, size = blocks[2]
    bad = bytearray(data)
    bad[offset : offset + size] = b"\x55" * size
    path = tmp_path / "lazy.h5"
    path.write_bytes(bad)
    trace = open_trace(path)
    for image in range(IMAGES):
        if first <= image <= last:
            with pytest.raises(AccelsimError, match=f"images {first}..{last}"):
                trace.layer(layer, scheme, slice(image, image + 1))
        else:
            assert trace.layer(layer, scheme, slice(image, image + 1)).images == 1
    for other in trace.layers:
        if other.name != layer:
            assert trace.layer(other.name, scheme).images == IMAGES


def test_random_bit_flips(sound, tmp_path):
    data, original, _ = sound
    rng = random.Random(20)
    path = tmp_path / "flip.h5"
    refused = 0
    for _ in range(200):
        bit = rng.randrange(len(data) * 8)
        bad = bytearray(data)
        bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bad)
        seen = []
        if refusal(path, lambda p, seen=seen: seen.append(content(p))):
            refused += 1
        else:
            assert seen == [original], f"bit {bit} changed the masks unseen"
    assert refused > 100


def test_every_header_byte_matters(sound, tmp_path):
    data = sound[0]
    start = data.index(b'{"bit_order"')
    path = tmp_path / "flip.h5"
    for place in range(start, data.index(b'"weights_sha256"', start), 97):
        bad = bytearray(data)
        bad[place] ^= 1
        path.write_bytes(bad)
        assert "/header" in refusal(path, open_trace)


def test_swapped_blocks_are_named(sound, tmp_path):
    """Through HDF5 itself, so that its own checksums are right and only ours can tell."""
    path = tmp_path / "swap.h5"
    path.write_bytes(sound[0])
    with h5py.File(path, "r+") as file:
        dataset = file["masks/unstructured-75/conv2"]
        size = dataset.chunks[0]
        one, two = dataset[:size], dataset[size : 2 * size]
        dataset[:size], dataset[size : 2 * size] = two, one
    found = check_trace(path).problems
    assert len(found) == 2
    for i, problem in enumerate(found):
        where = f"scheme unstructured-75, layer conv2, images {i * size}..{(i + 1) * size - 1}"
        assert where in problem and "CRC-32" in problem


def test_swapped_datasets_are_named(sound, tmp_path):
    path = tmp_path / "swap.h5"
    path.write_bytes(sound[0])
    with h5py.File(path, "r+") as file:
        file.move("masks/unstructured-75/conv1", "masks/x")
        file.move("masks/nm-1of8/conv1", "masks/unstructured-75/conv1")
        file.move("masks/x", "masks/nm-1of8/conv1")
    assert "scheme unstructured-75, layer conv1" in refusal(path)
    assert len(check_trace(path).problems) == 2 * len([b for b in sound[2] if b[:2] == ("nm-1of8", "conv1")])


def test_missing_dataset_is_named(sound, tmp_path):
    path = tmp_path / "gone.h5"
    path.write_bytes(sound[0])
    with h5py.File(path, "r+") as file:
        del file["masks/nm-1of8/conv3"]
    assert "scheme nm-1of8, layer conv3" in refusal(path)


@pytest.mark.parametrize(
    "node",
    [
        {"shape": (1 << 40, 1 << 10, 1 << 10), "dtype": "u1", "chunks": (1, 16, 16)},
        {"shape": (IMAGES, 64, 4), "dtype": "f8", "chunks": (3, 64, 4)},
        {"shape": (IMAGES, 64, 4), "dtype": "u1", "chunks": (6, 64, 4)},
        {"shape": (IMAGES, 64, 4), "dtype": "u1"},
        {"shape": (), "dtype": "u1"},
        None,
    ],
)
def test_wrong_dataset_is_refused_before_reading(sound, tmp_path, node):
    path = tmp_path / "shape.h5"
    path.write_bytes(sound[0])
    with h5py.File(path, "r+") as file:
        del file["masks/nm-1of8/conv2"]
        if node is None:
            file.create_group("masks/nm-1of8/conv2")
        else:
            file.create_dataset("masks/nm-1of8/conv2", **node)
    assert "scheme nm-1of8, layer conv2" in refusal(path)


def test_file_replaced_while_open(sound, tmp_path):
    path = tmp_path / "t.h5"
    path.write_bytes(sound[0])
    trace = open_trace(path)
    write_synthetic_trace(path, SCHEMES, images=IMAGES, seed=1, overwrite=True)
    with pytest.raises(AccelsimError, match="replaced"):
        trace.layer("conv1", "nm-1of8")


def test_check_finds_masks_that_break_their_scheme(tmp_path, monkeypatch):
    """A foreign writer could make them; ours refuses, so its check is switched off here."""
    monkeypatch.setattr("accelsim.trace.writer.check_structure", lambda *_: None)
    monkeypatch.setattr(
        "accelsim.trace.writer.pack", lambda masks: np.full((*masks.shape[:2], 6), 0xFF, "u1")
    )
    path = tmp_path / "t.h5"
    layers = {"conv3": SMALL_NETWORK["conv3"]}
    write_synthetic_trace(path, [Scheme.unstructured(noise=0.5)], layers)
    assert "neuron 44" in check_trace(path).problems[0]
    with pytest.raises(AccelsimError, match="neuron 44"):
        open_trace(path).layer("conv3", "unstructured-50")
    monkeypatch.setattr(
        "accelsim.trace.writer.pack", lambda masks: np.full((*masks.shape[:2], 6), 0x0F, "u1")
    )
    write_synthetic_trace(path, [Scheme.nm(keep=1, of=8)], layers, overwrite=True)
    assert "4 essential; 1:8 needs exactly 1" in check_trace(path).problems[0]
