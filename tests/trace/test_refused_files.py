"""Files that are no trace, or that no writer of ours would make: each gets its one line."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

from accelsim.errors import AccelsimError
from accelsim.trace import Scheme, open_trace, write_synthetic_trace
from accelsim.visible_text import visible


@pytest.fixture
def path(tmp_path):
    schemes = [Scheme.dense(), Scheme.unstructured(noise=0.9), Scheme.nm(keep=1, of=8)]
    return write_synthetic_trace(tmp_path / "t.h5", schemes, images=2)


def one_line(path, act=open_trace):
    with pytest.raises(AccelsimError) as caught:
        act(path)
    message = str(caught.value)
    assert message.startswith(f"{visible(str(path))}: ")
    assert "\n" not in message
    return message


def put_header(path, text):
    """Replace the header by any bytes, with the right SHA-256: what a foreign writer could do."""
    with h5py.File(path, "r+") as file:
        del file["header"], file["header_sha256"]
        file["header"] = np.bytes_(text)
        file["header_sha256"] = np.bytes_(hashlib.sha256(text).hexdigest().encode())


def edit_header(path, change):
    with h5py.File(path) as file:
        document = json.loads(file["header"][()])
    change(document)
    put_header(path, json.dumps(document).encode())


def test_no_such_file(tmp_path):
    assert "no such trace" in one_line(tmp_path / "none.h5")


def test_folder(tmp_path):
    assert "folder" in one_line(tmp_path)


def test_empty(tmp_path):
    (tmp_path / "t.h5").touch()
    assert "empty" in one_line(tmp_path / "t.h5")


def test_not_hdf5(tmp_path):
    (tmp_path / "t.h5").write_text("layer,mask\n")
    assert "not an HDF5 file" in one_line(tmp_path / "t.h5")


def test_pipe_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "t.h5")
    assert "from a FIFO; allowed: a regular file" in one_line(tmp_path / "t.h5")


def test_no_permission(path):
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # root may read everything
    try:
        assert "Permission denied" in one_line(path)
    finally:
        os.seteuid(user)


def test_name_with_a_nul(tmp_path):
    one_line(tmp_path / "a\0b")


def test_other_hdf5(tmp_path):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["weights"] = np.zeros(3)
    assert "not an accelsim trace" in one_line(tmp_path / "t.h5")


@pytest.mark.parametrize("value", [np.zeros(3), 3, "text", np.array([b"a", b"b"])])
def test_header_of_another_type(path, value):
    with h5py.File(path, "r+") as file:
        del file["header"]
        file["header"] = value
    assert "/header" in one_line(path)


def test_header_without_its_hash(path):
    with h5py.File(path, "r+") as file:
        del file["header_sha256"]
    assert "/header_sha256" in one_line(path)


@pytest.mark.parametrize("text", [b"{", b"[]", b"7", b"{}", b'{"a":NaN}', b"\xff", b"[" * 100_000])
def test_header_that_is_no_document(path, text):
    put_header(path, text)
    one_line(path)


def test_newer_major_version(path):
    edit_header(path, lambda d: d.update(version=[4, 0], layers="something else"))
    assert one_line(path) == (
        f"{path}: trace format 4.0 is newer than this accelsim reads (1.x to 3.x); upgrade accelsim"
    )


def test_newer_minor_version_with_unknown_keys_is_read(path):
    before = open_trace(path).layer("conv1", "nm-1of8").masks

    def newer(document):
        document["version"] = [1, 9]
        document["camera"] = "unknown to 1.0"
        document["layers"][0]["colour"] = 3

    edit_header(path, newer)
    trace = open_trace(path)
    assert trace.format_version == "1.9"
    assert np.array_equal(trace.layer("conv1", "nm-1of8").masks, before)


@pytest.mark.parametrize(
    ("word", "change"),
    [
        ("version", lambda d: d.update(version="1.0")),
        ("version", lambda d: d.update(version=[1.0, 0])),
        ("version", lambda d: d.update(version=[-1, 0])),
        ("older", lambda d: d.update(version=[0, 9])),
        ("format", lambda d: d.update(format="weights")),
        ("bit_order", lambda d: d.update(bit_order="big")),
        ("network", lambda d: d.update(network="")),
        ("network", lambda d: d.update(network=5)),
        ("dataset", lambda d: d.pop("dataset")),
        ("dataset", lambda d: d.update(dataset="a\nb")),
        ("image_ids", lambda d: d.update(image_ids=[])),
        ("image_ids", lambda d: d.update(image_ids=[4, 4])),
        ("image_ids", lambda d: d.update(image_ids=[0, -1])),
        ("image_ids", lambda d: d.update(image_ids=[0, 1.5])),
        ("image_ids", lambda d: d.update(image_ids=[0, 10**40])),
        ("masks", lambda d: d.update(image_ids=[*range(10**5)])),
        ("weights_sha256", lambda d: d.update(weights_sha256="abc")),
        ("seeds", lambda d: d.update(seeds={"P": "1"})),
        ("layers", lambda d: d.update(layers=[])),
        ("layers[1]: name", lambda d: d["layers"][1].update(name=d["layers"][0]["name"])),
        ("layers[0]: name", lambda d: d["layers"][0].update(name="a/b")),
        ("layers[0]: name", lambda d: d["layers"][0].update(name="")),
        ("stride[0] is 0", lambda d: d["layers"][0].update(stride=[0, 1])),
        ("kernel", lambda d: d["layers"][0].update(kernel=[3])),
        ("padding[1]", lambda d: d["layers"][0].update(padding=[1, -1])),
        ("c_in", lambda d: d["layers"][0].update(c_in=10**30)),
        ("c_in", lambda d: d["layers"][0].update(c_in="3")),
        ("macs", lambda d: d["layers"][0].update(macs=1)),
        ("n is 17", lambda d: d["layers"][0].update(n=17)),
        ("nnz", lambda d: d["layers"][0]["approximation"].update(nnz=10**6)),
        ("k is 0", lambda d: d["layers"][0]["approximation"].update(k=0)),
        ("masks", lambda d: d["layers"][0].update(approximation=None)),
        ("schemes", lambda d: d.update(schemes=[])),
        ("schemes[2]", lambda d: d["schemes"][2].update(d["schemes"][1])),
        (
            "schemes[1]: noise is 0.9, but by its name",
            lambda d: d["schemes"][1].update(name="unstructured-50"),
        ),
        ("schemes[1]: noise is 1.5", lambda d: d["schemes"][1].update(noise=1.5)),
        ("schemes[1]: scheme: noise", lambda d: d["schemes"][1].update(name="unstructured-101")),
        ("schemes[2]: kind is 'unstructured'", lambda d: d["schemes"][2].update(kind="unstructured")),
        (
            "schemes[2]: scheme 'strided-1of4' is unknown",
            lambda d: d["schemes"][2].update(name="strided-1of4"),
        ),
        ("schemes.1.noise", lambda d: d["schemes"][1].update(noise="0.9")),
        ("schemes[2]: keep is 9", lambda d: d["schemes"][2].update(keep=9)),
        ("accuracy", lambda d: d["schemes"][0].update(accuracy=7.0, accuracy_images=1)),
        ("accuracy", lambda d: d["schemes"][0].update(accuracy=0.5)),
        ("missing", lambda d: d["masks"].pop()),
        ("twice", lambda d: d["masks"].append(d["masks"][0])),
        ("masks[0]", lambda d: d["masks"][0].update(layer="fc")),
        ("masks[0]", lambda d: d["masks"][0].update(scheme="nm-2of4")),
        ("images_per_block", lambda d: d["masks"][0].update(images_per_block=0)),
        ("images_per_block", lambda d: d["masks"][0].update(images_per_block=3)),
        ("checksums", lambda d: d["masks"][0].update(crc32=[])),
        ("crc32[0]", lambda d: d["masks"][0].update(crc32=[-1])),
    ],
)
def test_malformed_header(path, word, change):
    edit_header(path, change)
    assert word in one_line(path)


@pytest.mark.parametrize(
    ("word", "ask"),
    [
        (
            "has no layer 'conv9'; did you mean `conv3`? allowed: conv1, conv2",
            lambda t: t.layer("conv9", "nm-1of8"),
        ),
        (
            "has no scheme 'nm-2of4'; did you mean `nm-1of8`? allowed: dense",
            lambda t: t.layer("conv1", "nm-2of4"),
        ),
        ("has no scheme", lambda t: t.accuracy("unstructured-1")),
        ("images 2:3 is not a range within 0:2", lambda t: t.layer("conv1", "dense", slice(2, 3))),
        ("images :9 is", lambda t: t.layer("conv1", "nm-1of8", slice(9))),
        ("images 1:1 is", lambda t: t.layer("conv1", "nm-1of8", slice(1, 1))),
        ("images 0:2:2 is", lambda t: t.layer("conv1", "nm-1of8", slice(0, 2, 2))),
    ],
)
def test_asking_for_what_is_not_there(path, word, ask):
    assert word in one_line(path, lambda p: ask(open_trace(p)))


def test_open_for_writing_elsewhere(path):
    """In this process, and in another one."""
    program = f"import h5py; file = h5py.File({str(path)!r}, 'r+'); print(flush=True); input()"
    writer = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    writer.stdout.readline()
    try:
        assert "is open for writing elsewhere" in one_line(path)
    finally:
        writer.communicate("\n")
    open_trace(path)
    with h5py.File(path, "r+"):
        assert "is open for writing elsewhere" in one_line(path)
    open_trace(path)
