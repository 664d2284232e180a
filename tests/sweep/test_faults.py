"""Sweeps on a computer that misbehaves: killed, interrupted, out of disk, read-only."""

from __future__ import annotations

import importlib.util
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

_HARNESS = Path(__file__).with_name("killed.py")
_loaded = importlib.util.spec_from_file_location("killed", _HARNESS)
assert _loaded is not None and _loaded.loader is not None
killed = importlib.util.module_from_spec(_loaded)
_loaded.loader.exec_module(killed)

LONG = 1200  # VPUs: so many points that the sweep is not over before it is interrupted
KILLS = int(os.environ.get("ACCELSIM_KILLS", "4"))


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path: Path) -> None:
    hits, points = killed.kill_and_compare(tmp_path, KILLS, vpus=12, seed=7)
    assert hits > 0
    assert points == 8 * 12


@pytest.mark.slow
def test_interrupted(tmp_path: Path) -> None:
    spec, db = killed.write_inputs(tmp_path, LONG), tmp_path / "a.db"
    process = killed.start(spec, db)
    deadline = time.monotonic() + 240
    while killed.check_whole(db) <= 4 * LONG and time.monotonic() < deadline:  # so many cannot be built
        time.sleep(0.1)
    assert process.poll() is None
    errors = killed.interrupt(process)
    assert process.returncode == 130
    assert errors == "accelsim: interrupted; files already written are whole"
    assert 4 * LONG < killed.check_whole(db) < 8 * LONG


def _ended(process: subprocess.Popen[str]) -> str:
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2, errors
    assert errors.startswith("accelsim: ")
    assert errors.count("\n") == 1
    return str(errors)


@pytest.mark.slow
def test_a_full_disk(tmp_path: Path) -> None:
    spec, db = killed.write_inputs(tmp_path, vpus=12), tmp_path / "a.db"
    command = [sys.executable, "-c", killed.COMMAND, "", "sweep", str(spec), "--db", str(db)]

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=little_room
    )
    assert "a.db: cannot write: " in _ended(process)
    held = killed.check_whole(db)
    killed.finished(spec, db)  # with room again, it goes on
    assert killed.check_whole(db) == 8 * 12 > held


def test_a_file_in_the_way_of_the_folder(tmp_path: Path) -> None:
    spec = killed.write_inputs(tmp_path, vpus=1)
    (tmp_path / "file").write_text("precious")
    assert "file" in _ended(killed.start(spec, tmp_path / "file" / "a.db"))
    assert (tmp_path / "file").read_text() == "precious"


def _obeying_permissions(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """``accelsim`` as somebody to whom permissions apply, which they do not to root."""
    command = [sys.executable, "-m", "accelsim", *map(str, arguments)]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root writes everywhere, and there is no setpriv to keep it from that")
        command = ["setpriv", "--inh-caps=-dac_override", "--bounding-set=-dac_override", *command]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_read_only_folder(tmp_path: Path) -> None:
    spec, folder = killed.write_inputs(tmp_path, vpus=1), tmp_path / "locked"
    folder.mkdir()
    killed.finished(spec, folder / "a.db")
    (folder / "a.db").chmod(0o444)
    folder.chmod(0o555)
    try:
        for db in (folder / "new.db", folder / "new" / "a.db", folder / "a.db"):
            done = _obeying_permissions("sweep", spec, "--db", db)
            assert (done.returncode, done.stdout) == (2, "")
            assert str(db) in done.stderr
            assert done.stderr.count("\n") == 1
        done = _obeying_permissions("results", folder / "a.db", "--sweeps")
        assert (done.returncode, done.stdout) == (0, "killed: 4 of 8 points done, 4 failed\n")
    finally:
        folder.chmod(0o755)
