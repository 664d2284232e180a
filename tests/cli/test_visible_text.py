"""Text of files, names and arguments: no character that a terminal obeys reaches it, whichever command shows it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import h5py
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.bundled import bundled_path
from accelsim.cli import main
from accelsim.trace import Scheme, open_trace
from accelsim.trace.container import write_header
from accelsim.trace.synthetic import write_synthetic_trace
from accelsim.visible_text import visible, visible_streams

ATTACKS = {
    "title": "\x1b]0;owned\x07",
    "clear": "\x1b[2J\x1b[H",
    "C1": "\x9b31m",
    "return": "\rsound (trace)",
    "backspace": "damaged\b\b\b\b\b\b\b",
    "direction": "a\u202eb",
    "delete": "\x7f",
}


def is_safe(text: str) -> bool:
    return all(each.isprintable() or each in "\n\t" for each in text)


@settings(deadline=None)
@given(st.text())
def test_every_text_is_made_safe_and_stays_what_it_is(text: str) -> None:
    shown = visible(text)
    assert all(each.isprintable() or each in "\n\t" or each.isspace() for each in shown)
    assert not any(("\x00" <= each < " " and each not in "\n\t") or "\x7f" <= each < "\xa0" for each in shown)
    if is_safe(text):
        assert shown == text
    assert visible(shown) == shown


@pytest.mark.parametrize(
    "code", [*range(32), *range(127, 160), 0xAD, 0x200E, 0x202E, 0x2066, 0xFEFF, 0xDCFF, 0xE0001]
)
def test_what_a_terminal_obeys_is_escaped(code: int) -> None:
    text = f"a{chr(code)}b"
    assert visible(text) == (text if chr(code) in "\n\t" else f"a{visible(chr(code))}b")
    assert is_safe(visible(text)) and len(visible(chr(code))) == (
        1 if chr(code) in "\n\t" else len(visible(chr(code)))
    )
    if chr(code) not in "\n\t":
        assert visible(chr(code)).startswith("\\")


def test_bytes_of_a_name_are_shown_as_bytes() -> None:
    assert visible(os.fsdecode(b"bad\xff\x80")) == r"bad\xff\x80"
    assert visible("\x1b[0m") == r"\x1b[0m"
    assert visible("µ 漢字 \u2003") == "µ 漢字 \u2003"


def test_streams_are_wrapped_and_restored(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    with visible_streams():
        print("\x1b[1m")
        print("\x1b[2m", file=sys.stderr)
        sys.stdout.writelines(["\x07", "\n"])
        assert sys.stdout.isatty() is before[0].isatty() and sys.stdout.encoding == before[0].encoding
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr() == ("\\x1b[1m\n\\x07\n", "\\x1b[2m\n")


def with_notes(made: Path, path: Path, notes: str) -> None:
    """Copy a trace with other notes, all checksums right."""
    path.write_bytes(made.read_bytes())
    with h5py.File(path, "r+") as file:
        document = json.loads(file["header"][()])
        document["notes"] = notes
        del file["header"], file["header_sha256"]
        write_header(file, json.dumps(document).encode("ascii"))


def hostile(folder: Path, attack: str) -> dict[str, str]:
    """Files of every kind whose texts, and file names, hold `attack`."""
    made, trace = folder / "made.h5", folder / f"{attack}.h5".replace("/", "")
    write_synthetic_trace(made, [Scheme.dense(), Scheme.nm(keep=1, of=8)], images=1, seed=3, network="small")
    with_notes(made, trace, f"notes {attack}")
    machine = yaml.safe_load(bundled_path("hwconfigs/dense.yaml").read_text()) | {
        "description": f"mine {attack}"
    }
    technology = yaml.safe_load(bundled_path("hwconfigs/technology/freepdk45-rtl.yaml").read_text())
    technology["description"] = f"mine {attack}"
    for part in ("events", "blocks"):
        for entry in technology[part].values():
            entry["source"] = f"source {attack}"
    (folder / "cacti7_45nm_sram.csv").write_bytes(
        bundled_path("hwconfigs/technology/cacti7_45nm_sram.csv").read_bytes()
    )
    (folder / "machine.yaml").write_text(yaml.safe_dump(machine))
    (folder / "technology.yaml").write_text(yaml.safe_dump(technology, sort_keys=False))
    (folder / "bad.yaml").write_text(yaml.safe_dump(machine | {f"field {attack}": f"value {attack}"}))
    (folder / "broken.h5").write_bytes(trace.read_bytes()[:-400])
    return {
        "TRACE": str(trace),
        "MACHINE": str(folder / "machine.yaml"),
        "TECHNOLOGY": str(folder / "technology.yaml"),
        "BAD": str(folder / "bad.yaml"),
        "BROKEN": str(folder / "broken.h5"),
        "MISSING": str(folder / f"none{attack}"),
        "OUT": str(folder / f"out{attack}".replace("/", "")),
        "ATTACK": attack,
    }


COMMANDS = {
    "inspect trace": ["inspect", "TRACE"],
    "inspect trace as JSON": ["inspect", "TRACE", "--json"],
    "inspect machine": ["inspect", "MACHINE"],
    "inspect technology": ["inspect", "TECHNOLOGY"],
    "inspect bad": ["inspect", "BAD"],
    "inspect missing": ["inspect", "MISSING"],
    "check": ["check", "TRACE", "MACHINE", "TECHNOLOGY", "BAD", "BROKEN", "MISSING"],
    "area": ["area", "MACHINE", "--technology", "TECHNOLOGY"],
    "run": ["run", "TRACE", "--machine", "MACHINE", "--technology", "TECHNOLOGY", "--out", "OUT"],
    "run no layer": ["run", "TRACE", "--machine", "MACHINE", "--layers", "ATTACK", "--out", "OUT"],
    "run no scheme": ["run", "TRACE", "--machine", "MACHINE", "--schemes", "ATTACK", "--out", "OUT"],
    "compare": ["compare", "TRACE", "--machines", "dense", "--out", "OUT"],
    "compare missing": ["compare", "MISSING", "--out", "OUT"],
    "sweep": ["sweep", "MISSING"],
    "results": ["results", "MISSING"],
    "pareto": ["pareto", "MISSING"],
    "report": ["report", "MISSING", "--html", "OUT.html"],
    "bitops": ["bitops", "TRACE"],
    "export": ["export", "--checkpoint", "MISSING", "--out", "OUT"],
    "no such command": ["ATTACK"],
    "no such option": ["run", "--ATTACK"],
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_commands_show_what_they_must_not_obey(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], attack: str
) -> None:
    words = hostile(tmp_path, ATTACKS[attack])
    for name, call in COMMANDS.items():
        arguments = [words.get(word, word.replace("ATTACK", ATTACKS[attack])) for word in call]
        with pytest.raises(SystemExit):
            main(arguments)
        for said in capsys.readouterr():
            assert is_safe(said), (name, said)
            assert "Traceback" not in said, (name, said)


def test_rows_of_a_database(tmp_path: Path, small_trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    attack = ATTACKS["title"]
    trace = tmp_path / f"{attack}.h5"
    trace.write_bytes(small_trace.read_bytes())
    content = {
        "format": "accelsim-sweep/1", "name": "mine", "machines": ["structured"], "traces": [str(trace)],
        "schemes": ["nm-1of8"], "images": ["0:1"], "axes": {"mvu.vpus": [4, 8]},
    }  # fmt: skip
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content))
    for call in (
        ["sweep", str(tmp_path / "mine.yaml"), "--db", str(tmp_path / "r.db")],
        ["results", str(tmp_path / "r.db"), "--columns", "all"],
        ["pareto", str(tmp_path / "r.db")],
        ["check", str(tmp_path / "r.db")],
    ):
        with pytest.raises(SystemExit) as ended:
            main(call)
        assert not ended.value.code
        for said in capsys.readouterr():
            assert is_safe(said), said
    assert open_trace(trace).network == "small"


def on_a_terminal(arguments: list[str]) -> str:
    """What a command writes if its output and errors are a terminal."""
    ours, theirs = pty.openpty()
    command = subprocess.Popen(
        [sys.executable, "-m", "accelsim", *arguments], stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        said += part
    os.close(ours)
    assert command.wait(60) in (0, 1, 2)
    return said.decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("name", ["inspect trace", "inspect technology", "check", "inspect missing"])
def test_a_terminal_gets_no_escapes_but_our_own(tmp_path: Path, name: str) -> None:
    words = hostile(tmp_path, ATTACKS["title"])
    said = on_a_terminal([words.get(word, word) for word in COMMANDS[name]])
    assert "owned" in said and r"\x1b]0;owned\x07" in said.replace("\r\n", "").replace(" ", "")
    assert "\x1b]" not in said and "\x07" not in said
