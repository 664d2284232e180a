"""Images of an own network: headers and values of any kind are accepted or refused in one line, before any work."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from accelsim.cli import main
from accelsim.errors import AccelsimError
from accelsim.nn.own_network import MAX_VALUE, export_own_model, load_images
from accelsim.trace import Scheme

SCHEMES = [Scheme.parse("unstructured-50")]
PIXELS = np.random.default_rng(0).random((4, 3, 4, 4), dtype=np.float32)


def tiny() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.Flatten(), nn.Linear(32, 4)
    )


def never() -> nn.Module:
    raise AssertionError("made the network before the inputs were checked")


def npy(header: str, body: bytes, version: tuple[int, int] = (1, 0)) -> bytes:
    """A .npy file of any header."""
    text = header.encode("latin-1") + b"\n"
    size = len(text).to_bytes(2 if version == (1, 0) else 4, "little")
    return b"\x93NUMPY" + bytes(version) + size + text + body


def header(shape: str, descr: str = "'<f4'", order: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"


def refused(path: Path) -> str:
    with pytest.raises(AccelsimError) as error:
        load_images(path)
    said = str(error.value)
    assert said.startswith(f"{path}: ") and "\n" not in said
    return said


BODY = PIXELS.tobytes()
HEADERS = {
    "negative": header("(-1, 3, 4, 4)"),
    "two negative": header("(-4, -3, 4, 4)"),
    "bool": header("(True, 3, 4, 16)"),
    "no images": header("(0, 3, 4, 4)"),
    "huge": header("(99999999999, 3, 4, 4)"),
    "huger": header(f"({2**70}, 3, 4, 4)"),
    "product wraps": header(f"({2**62}, 4, 4, 4)"),
    "one more": header("(5, 3, 4, 4)"),
    "one less": header("(3, 3, 4, 4)"),
    "floats": header("(4.0, 3, 4, 4)"),
    "text": header("'4344'"),
    "not closed": header("(4, 3"),
    "three": header("(4, 3, 16)"),
    "none": header("()"),
    "objects": header("(4, 3, 4, 4)", "'|O'"),
    "big endian": header("(4, 3, 4, 4)", "'>f4'"),
    "doubles": header("(4, 3, 2, 4)", "'<f8'"),
    "fields": header("(4, 3, 4, 4)", "[('a', '<f4')]"),
    "no type": header("(4, 3, 4, 4)", "'nonsense'"),
    "order": header("(4, 3, 4, 4)", order="7"),
    "call": header("(__import__('os').getpid(), 3, 4, 4)"),
    "escape": header("(4, 3, 4, 4)", r"'\d'"),
    "deep": "(" * 5000,
    "long": header("(4, 3, 4, 4)") + " " * 60_000,
    "empty": "",
    "list": "[1, 2]",
}


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_headers(
    tmp_path: Path, name: str, version: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "images.npy"
    path.write_bytes(npy(HEADERS[name], BODY, version))
    refused(path)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("version", [(3, 0), (0, 0), (9, 1), (255, 255)])
def test_versions(tmp_path: Path, version: tuple[int, int]) -> None:
    path = tmp_path / "images.npy"
    path.write_bytes(npy(header("(4, 3, 4, 4)"), BODY, version))
    assert "version" in refused(path)


@settings(deadline=None, max_examples=200)
@given(position=st.integers(0, 127), byte=st.integers(0, 255), cut=st.integers(0, 400))
def test_damaged_headers(
    tmp_path_factory: pytest.TempPathFactory, position: int, byte: int, cut: int
) -> None:
    buffer = io.BytesIO()
    np.save(buffer, PIXELS)
    raw = bytearray(buffer.getvalue())
    raw[position] = byte
    path = tmp_path_factory.mktemp("npy") / "images.npy"
    path.write_bytes(raw[:cut] if cut < 128 else raw)
    try:
        images = load_images(path)
    except AccelsimError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
    else:
        assert images.dtype == np.float32 and images.ndim == 4 and images.nbytes == len(BODY)


@pytest.mark.parametrize("order", ["C", "F"])
def test_both_orders_hold_the_same(tmp_path: Path, order: str) -> None:
    np.save(tmp_path / "images.npy", np.array(PIXELS, order=order))
    assert np.array_equal(load_images(tmp_path / "images.npy"), PIXELS)


BAD = [np.nan, np.inf, -np.inf, 3e38, -3e38, np.nextafter(np.float32(MAX_VALUE), np.float32(np.inf))]


@settings(deadline=None, max_examples=30)
@given(
    value=st.sampled_from(BAD),
    place=st.integers(0, PIXELS.size - 1),
    file=st.sampled_from(["inputs", "calibration"]),
)
def test_values(tmp_path_factory: pytest.TempPathFactory, value: float, place: int, file: str) -> None:
    folder = tmp_path_factory.mktemp("npy")
    for name in ("inputs", "calibration"):
        images = PIXELS.copy()
        if name == file:
            images.flat[place] = value
        np.save(folder / f"{name}.npy", images)
    with pytest.raises(AccelsimError) as error:
        export_own_model(
            f"{__name__}:never",
            folder / "inputs.npy",
            folder / "calibration.npy",
            folder / "t.h5",
            SCHEMES,
            range(4),
        )
    image = place // (PIXELS.size // 4)
    assert str(error.value).startswith(f"{folder / file}.npy: image {image} holds ")
    assert not (folder / "t.h5").exists()


def test_values_of_images_that_are_not_asked_for(tmp_path: Path) -> None:
    images = PIXELS.copy()
    images[3, 0, 0, 0] = np.nan
    np.save(tmp_path / "inputs.npy", images)
    np.save(tmp_path / "calibration.npy", np.tile(PIXELS, (8, 1, 1, 1)))
    fits = export_own_model(
        f"{__name__}:tiny",
        tmp_path / "inputs.npy",
        tmp_path / "calibration.npy",
        tmp_path / "t.h5",
        SCHEMES,
        range(3),
    )
    assert fits and (tmp_path / "t.h5").exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights(tmp_path: Path, value: float) -> None:
    state = {name: tensor.detach().clone() for name, tensor in tiny().state_dict().items()}
    state["2.weight"][0, 0, 0, 0] = value
    save_file(state, tmp_path / "w.safetensors")
    np.save(tmp_path / "images.npy", PIXELS)
    with pytest.raises(
        AccelsimError, match=r"w\.safetensors: tensor '2\.weight' holds values that are not finite"
    ):
        export_own_model(
            f"{__name__}:tiny", tmp_path / "images.npy", tmp_path / "images.npy", tmp_path / "t.h5", SCHEMES, [0],
            weights=tmp_path / "w.safetensors",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--out", ""], "out: an empty name"),
        (["--images", "0:1000000000000"], "is not a range of images"),
        (["--images", "0:2000000000"], "has no image 4"),
        (["--images", f"{'9' * 5000}"], "is not a range of images"),
        (["--images", "3:2"], "is not a range of images"),
        (["--images", "1:"], "--images needs an end"),
    ],
)
def test_options(tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], says: str) -> None:
    np.save(tmp_path / "images.npy", PIXELS)
    images = str(tmp_path / "images.npy")
    arguments = ["export", "--model", f"{__name__}:never", "--inputs", images, "--calibration", images]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--out", str(tmp_path / "t.h5"), *options])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and says in said and said.count("\n") == 1
