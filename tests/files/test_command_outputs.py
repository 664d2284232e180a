"""Every command that writes, with a device, FIFO, folder or link where its output should go."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import click
import pytest
import yaml

from accelsim.cli import cli, main
from accelsim.trace import open_trace
from tests.files.own_devices import in_a_thread, is_device, make_device

INPUTS = {"checkpoint", "data", "spiking", "weights", "inputs", "calibration", "labels"}
"""Options of type Path that are read."""

OUTPUTS = {"out", "db", "html", "plot"}
"""Names of options that are written, whatever their type."""


def outputs() -> list[tuple[str, str]]:
    """Every (command, option) that names something to write, from the commands themselves."""
    return [
        (name, option.name)
        for name, command in cli.commands.items()
        for option in command.params
        if isinstance(option, click.Option)
        and not option.is_flag
        and option.name is not None
        and (option.name in OUTPUTS or (isinstance(option.type, click.Path) and option.name not in INPUTS))
    ]


@pytest.fixture(scope="module")
def sweep_file(small_trace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sweep") / "mine.yaml"
    content = {
        "format": "accelsim-sweep/1",
        "name": "mine",
        "machines": ["structured"],
        "traces": [str(small_trace)],
        "schemes": ["nm-1of8"],
        "images": ["0:1"],
        "axes": {"mvu.vpus": [4, 8]},
    }
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture(scope="module")
def database(sweep_file: Path) -> Path:
    path = sweep_file.with_name("mine.db")
    with pytest.raises(SystemExit) as ended:
        main(["sweep", str(sweep_file), "--db", str(path)])
    assert not ended.value.code
    return path


def cheap_calls(
    trace: Path, sweep_file: Path, database: Path
) -> dict[tuple[str, str], list[tuple[str, list[str]]]]:
    """By (command, option): suffixes of the output, and what stands before the option."""
    layer = ["--machine", "structured", "--scheme", "nm-1of8", "--layer", open_trace(trace).layers[0].name]
    timeline = [str(trace), *layer, "--blocks", "0..0"]
    compared = ["--schemes", "nm-1of8", "--images", "0:1"]
    tables, pictures = (".csv", ".parquet"), (".png", ".svg", ".pdf")
    db, spec, h5 = str(database), str(sweep_file), str(trace)
    return {
        ("figure5", "out"): [("", ["--traces", h5, *compared, "--draws", "0"])],
        ("run", "out"): [("", [h5, "--machine", "structured", *compared])],
        ("compare", "out"): [("", [h5, *compared])],
        ("sweep", "db"): [(".db", [spec])],
        ("search", "db"): [(".db", [spec, "--trials", "1"])],
        ("results", "out"): [(each, [db]) for each in tables],
        ("pareto", "out"): [(each, [db]) for each in tables],
        ("pareto", "plot"): [(each, [db]) for each in pictures],
        ("report", "html"): [(".html", [db])],
        ("timeline", "out"): [(each, timeline) for each in (".json", ".vcd")],
        ("timeline", "plot"): [(each, timeline) for each in pictures],
        ("bitops", "out"): [(".csv", [h5, "--images", "0:1"])],
        ("export", "out"): [(".h5", ["--model", "x:y", "--overwrite"])],
        ("prepare", "out"): [(".safetensors", ["--model", "x:y"])],
        ("schema", "out"): [(".json", ["machine"])],
        ("validate-rtl", "out"): [(".md", ["--cases", "1", "--layers", "none"])],
    }  # fmt: skip


@pytest.mark.parametrize(("command", "option"), outputs())
@pytest.mark.parametrize("kind", ["device", "link to a device", "fifo", "folder", "loop"])
def test_every_command_leaves_what_is_no_file(
    command: str,
    option: str,
    kind: str,
    small_trace: Path,
    sweep_file: Path,
    database: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls = cheap_calls(small_trace, sweep_file, database)
    assert (command, option) in calls, "a new output: give the arguments of a cheap call above"
    if command == "validate-rtl" and not all(map(importlib.util.find_spec, ("amaranth", "pyosys", "torch"))):
        pytest.skip("validate-rtl needs the extras rtl and train")
    if kind == "folder" and calls[command, option][0][0] == "":
        pytest.skip("the output is a folder")
    for suffix, arguments in calls[command, option]:
        path = tmp_path / f"output{suffix}"
        stands = obstacle(kind, path)
        before = stands.lstat()
        with pytest.raises(SystemExit) as ended:
            in_a_thread(lambda: main([command, *arguments, f"--{option}", str(path)]))  # noqa: B023
        err = capsys.readouterr().err
        written = kind in ("device", "link to a device") and is_streamed(command, option, suffix)
        assert (ended.value.code or 0) == (0 if written else 2), err
        assert err.count("\n") == (0 if written else 1) and (written or str(path) in err), err
        after = stands.lstat()
        assert (after.st_ino, after.st_mode, after.st_rdev) == (before.st_ino, before.st_mode, before.st_rdev)
        assert path.is_symlink() == (kind in ("link to a device", "loop"))
        for made in tmp_path.iterdir():
            made.rmdir() if kind == "folder" else made.unlink()


def is_streamed(command: str, option: str, suffix: str) -> bool:
    """Folders, databases, traces, checkpoints and Parquet are no streams."""
    return suffix not in ("", ".db", ".h5", ".safetensors", ".parquet")


def obstacle(kind: str, path: Path) -> Path:
    """Make an obstacle at `path`; returns what must not change."""
    if kind == "device":
        make_device(path)
        return path
    if kind == "link to a device":
        make_device(path.with_name("device"))
        path.symlink_to("device")
        return path.with_name("device")
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("other")
        path.with_name("other").symlink_to(path)
    return path


@pytest.mark.parametrize("name", ["layers.parquet", "summary.csv"])
def test_devices_inside_a_folder_of_results(
    name: str, small_trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table that can be streamed goes through; one that cannot is refused before anything is written."""
    make_device(tmp_path / name)
    arguments = [
        "run",
        str(small_trace),
        "--machine",
        "structured",
        "--schemes",
        "nm-1of8",
        "--images",
        "0:1",
    ]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--out", str(tmp_path)])
    assert is_device(tmp_path / name)
    if name == "summary.csv":
        assert not ended.value.code and (tmp_path / "layers.parquet").is_file()
    else:
        assert ended.value.code == 2 and [each.name for each in tmp_path.iterdir()] == [name]
        assert capsys.readouterr().err.startswith(f"accelsim: {tmp_path / name}: is a character device")
