"""Every path that is read, with a FIFO, device, socket, folder or a link to one in its place: one line, nothing waits."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import click
import h5py
import numpy as np
import pytest

from accelsim.bundled import bundled_path
from accelsim.cli import cli, main
from accelsim.errors import AccelsimError
from accelsim.files import read_bytes, readable_file
from tests.files.own_devices import in_a_thread, make_device

READ_OPTIONS = {"checkpoint", "data", "spiking", "weights", "inputs", "calibration"}
MACHINE = bundled_path("hwconfigs/dense.yaml")
ZERO_DEVICE = 5


def _socket(path: Path) -> None:
    # The name of a socket may have 107 bytes only; a relative one is short.
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(here)


def _linked(make: Callable[[Path], None]) -> Callable[[Path], None]:
    def link(path: Path) -> None:
        make(path.with_name(path.name + ".target"))
        path.symlink_to(path.name + ".target")

    return link


KINDS: dict[str, Callable[[Path], None]] = {
    "FIFO": lambda path: os.mkfifo(path),
    "endless device": lambda path: make_device(path, ZERO_DEVICE),
    "empty device": make_device,
    "socket": _socket,
    "folder": Path.mkdir,
    "link to a FIFO": _linked(lambda path: os.mkfifo(path)),
    "link to an endless device": _linked(lambda path: make_device(path, ZERO_DEVICE)),
    "link to a folder": _linked(Path.mkdir),
    "link to itself": lambda path: path.symlink_to(path.name),
}
HANGS = ("FIFO", "endless device", "link to a FIFO", "link to an endless device")


def refusal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of a command that refuses its input with exit code 1 (check) or 2."""
    codes: list[object] = []

    def work() -> None:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        codes.append(ended.value.code)

    in_a_thread(work)
    said = capsys.readouterr().err
    assert codes == [1 if arguments[0] == "check" else 2], said
    assert said.count("\n") == 1 and "Traceback" not in said, said
    return said


@pytest.mark.parametrize("kind", KINDS)
def test_helper_refuses_what_is_no_regular_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "input"
    KINDS[kind](path)
    with pytest.raises(AccelsimError) as refused:
        in_a_thread(lambda: readable_file(path, "SRAM table") and None)
    assert str(refused.value).startswith(f"{path}: ") and "SRAM table" in str(refused.value)


def test_helper_accepts_files_and_links_to_them(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    assert read_bytes(tmp_path / "file", "x") == read_bytes(tmp_path / "link", "x") == b"content"
    with pytest.raises(AccelsimError, match=r"filee: no such x; did you mean .*file\?"):
        readable_file(tmp_path / "filee", "x")
    with pytest.raises(AccelsimError, match="unheard: no such x; make one"):
        readable_file(tmp_path / "unheard", "x", hint="; make one")
    for bad in ("n" * 300, "nul\0"):
        with pytest.raises(AccelsimError, match="cannot read the x"):
            readable_file(tmp_path / bad, "x")


def test_helper_refuses_large_files_without_reading_them(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 42)
    with pytest.raises(AccelsimError, match="larger than 1024 MiB, the limit of a recipe"):
        read_bytes(tmp_path / "sparse", "recipe")


OWN = ["export", "--model", "resnet18", "--images", "0:1", "--out", "OUT"]
INPUTS: dict[str, list[str]] = {
    "run trace": ["run", "INPUT", "--machine", "dense", "--out", "OUT"],
    "run machine": ["run", "resnet18-cifar10", "--machine", "INPUT", "--out", "OUT"],
    "run technology": ["run", "resnet18-cifar10", "--machine", "dense", "--technology", "INPUT", "--out", "OUT"],
    "compare trace": ["compare", "INPUT", "--out", "OUT"],
    "figure5 trace": ["figure5", "--traces", "INPUT", "--out", "OUT"],
    "compare machine": ["compare", "resnet18-cifar10", "--machines", "INPUT", "--out", "OUT"],
    "inspect": ["inspect", "INPUT"],
    "check": ["check", "INPUT"],
    "area": ["area", "INPUT"],
    "area technology": ["area", "dense", "--technology", "INPUT"],
    "sweep": ["sweep", "INPUT", "--dry-run"],
    "sweep database": ["sweep", "equal-area", "--db", "INPUT", "--dry-run"],
    "search": ["search", "INPUT", "--db", "OUT"],
    "results": ["results", "INPUT"],
    "pareto": ["pareto", "INPUT"],
    "report": ["report", "INPUT", "--html", "PAGE"],
    "bitops": ["bitops", "INPUT"],
    "timeline": ["timeline", "INPUT", "--machine", "dense", "--scheme", "dense", "--layer", "x", "--out", "TIMELINE"],
    "checkpoint": ["export", "--checkpoint", "INPUT", "--out", "OUT"],
    "spiking": ["export", "--spiking", "INPUT", "--data", "OUT", "--out", "OUT"],
    "weights": [*OWN, "--weights", "INPUT", "--inputs", "NPY", "--calibration", "NPY"],
    "inputs": [*OWN, "--inputs", "INPUT", "--calibration", "NPY"],
    "calibration": [*OWN, "--inputs", "NPY", "--calibration", "INPUT"],
}  # fmt: skip


def test_inputs_name_every_option_of_a_read_path() -> None:
    read = {
        option.name
        for command in cli.commands.values()
        for option in command.params
        if isinstance(option.type, click.Path) and option.name in READ_OPTIONS
    }
    named = {word.removeprefix("--") for call in INPUTS.values() for word in call if word.startswith("--")}
    assert read <= named


@pytest.mark.parametrize("kind", HANGS)
@pytest.mark.parametrize("name", INPUTS)
def test_commands_refuse_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, kind: str
) -> None:
    np.save(tmp_path / "images.npy", np.zeros((2, 3, 32, 32), np.float32))
    KINDS[kind](tmp_path / "input")
    paths = {word: str(tmp_path / file) for word, file in
             (("INPUT", "input"), ("OUT", "output.h5"), ("NPY", "images.npy"), ("PAGE", "page.html"),
              ("TIMELINE", "timeline.json"))}  # fmt: skip
    assert "input" in refusal([paths.get(word, word) for word in INPUTS[name]], capsys)
    assert not (tmp_path / "output.h5").exists()


@pytest.mark.parametrize("kind", HANGS)
def test_files_beside_a_file_are_refused_likewise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    for file in bundled_path("hwconfigs/technology").iterdir():
        shutil.copy(file, tmp_path)
    table = tmp_path / "cacti7_45nm_sram.csv"
    table.unlink()
    KINDS[kind](table)
    said = refusal(["inspect", str(tmp_path / "freepdk45-rtl.yaml")], capsys)
    assert table.name in said and "SRAM table" in said
    base = tmp_path / "base.yaml"
    KINDS[kind](base)
    (tmp_path / "mine.yaml").write_text("extends: base.yaml\nname: mine\n")
    assert "base.yaml" in refusal(["inspect", str(tmp_path / "mine.yaml")], capsys)


@pytest.mark.parametrize("suffix", ["-wal", "-journal", "-shm"])
def test_files_that_sqlite_opens_beside_a_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    from accelsim.store import Store

    Store.open(tmp_path / "mine.db").close()
    os.mkfifo(tmp_path / f"mine.db{suffix}")
    assert f"mine.db{suffix}" in refusal(["results", str(tmp_path / "mine.db")], capsys)
    assert f"mine.db{suffix}" in refusal(["check", str(tmp_path / "mine.db")], capsys)


@pytest.fixture(scope="module")
def results_folder(small_trace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figure5") / "r"
    with pytest.raises(SystemExit):
        main(
            ["figure5", "--traces", str(small_trace), "--images", "0:1", "--draws", "0", "--out", str(folder)]
        )
    return folder


@pytest.mark.parametrize("name", ["results.json", "layers.parquet", "figure5.csv", "claims.json"])
@pytest.mark.parametrize("kind", HANGS)
def test_files_of_a_results_folder(
    tmp_path: Path, results_folder: Path, capsys: pytest.CaptureFixture[str], name: str, kind: str
) -> None:
    shutil.copytree(results_folder, tmp_path / "r")
    (tmp_path / "r" / name).unlink()
    KINDS[kind](tmp_path / "r" / name)
    assert name in refusal(["report", str(tmp_path / "r"), "--html", str(tmp_path / "page.html")], capsys)


def _external_link(file: h5py.File, name: str, other: Path) -> None:
    del file[name]
    file[name] = h5py.ExternalLink(str(other), "/data")


def _soft_link(file: h5py.File, name: str, other: Path) -> None:
    del file[name]
    file[name] = h5py.SoftLink("/elsewhere")


def _external_storage(file: h5py.File, name: str, other: Path) -> None:
    shape, dtype = file[name].shape, file[name].dtype
    del file[name]
    if shape == ():
        shape = (1,)
    file.create_dataset(name, shape, dtype, external=[(str(other), 0, h5py.h5f.UNLIMITED)])


def _virtual(file: h5py.File, name: str, other: Path) -> None:
    shape, dtype = file[name].shape or (1,), file[name].dtype
    del file[name]
    layout = h5py.VirtualLayout(shape, dtype)
    layout[:] = h5py.VirtualSource(str(other), "data", shape)
    file.create_virtual_dataset(name, layout)


@pytest.mark.parametrize("refer", [_external_link, _soft_link, _external_storage, _virtual])
@pytest.mark.parametrize("place", ["header", "header_sha256", "dataset", "group"])
def test_traces_cannot_refer_to_other_files(
    tmp_path: Path,
    small_trace: Path,
    capsys: pytest.CaptureFixture[str],
    refer: Callable[[h5py.File, str, Path], None],
    place: str,
) -> None:
    path, other = tmp_path / "t.h5", tmp_path / "fifo"
    shutil.copy(small_trace, path)
    os.mkfifo(other)
    with h5py.File(path, "r+") as file:
        scheme = next(iter(file["masks"]))
        name = f"masks/{scheme}/{next(iter(file[f'masks/{scheme}']))}" if place == "dataset" else place
        if place == "group":
            if refer not in (_external_link, _soft_link):
                pytest.skip("a group has no data")
            name = f"masks/{scheme}"
        refer(file, name, other)
    codes = []

    def work() -> None:
        with pytest.raises(SystemExit) as ended:
            main(["check", str(path)])
        codes.append(ended.value.code)

    in_a_thread(work)
    said = capsys.readouterr().err
    assert codes == [1] and str(path) in said and "Traceback" not in said
