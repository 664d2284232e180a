"""A damaged write-ahead log, whose last rows SQLite itself drops in silence, is refused, or nothing is lost."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from accelsim import AccelsimError
from accelsim.cli import main
from accelsim.store import Store
from accelsim.store.write_ahead_log import damaged_byte
from tests.store.older_databases import everything

FLIPS = int(os.environ.get("ACCELSIM_FLIPS", "60"))
SUFFIXES = ("", "-wal", "-shm")

WRITER = """
import os, sys
from accelsim.store import Store
store = Store.open(sys.argv[1])
for number in range(6):
    store.set_sweep(f"late-{number}", "text" * 500, [(f"{number}-{at}", {}) for at in range(20)])
if sys.argv[2] == "begun anew":
    store._connection.execute("PRAGMA wal_checkpoint(RESTART)")
    for number in range(2):
        store.set_sweep(f"later-{number}", "text", [])
os._exit(0)
"""


@pytest.fixture(params=["fresh", "begun anew"])
def killed(request: pytest.FixtureRequest, db: Path) -> Path:
    """A database whose writer was killed; its log was begun anew over longer old content, or not."""
    subprocess.run([sys.executable, "-c", WRITER, str(db), request.param], check=True)
    return db


def copied(db: Path, folder: Path, suffixes: tuple[str, ...] = SUFFIXES) -> Path:
    folder.mkdir()
    for suffix in suffixes:
        shutil.copyfile(f"{db}{suffix}", f"{folder / db.name}{suffix}")
    return folder / db.name


def flipped(path: Path, bit: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[bit // 8] ^= 1 << bit % 8
    path.write_bytes(raw)


def test_a_flipped_bit_of_the_log_is_found_or_harmless(killed: Path, tmp_path: Path) -> None:
    log = killed.with_name("a.db-wal")
    bits, rng, found = 8 * log.stat().st_size, random.Random(3), 0
    expected = everything(copied(killed, tmp_path / "sound"))
    assert len(expected[1]) >= 7
    # Headers of the log and its first frames too, which are few among all bits.
    chosen = [*(rng.randrange(bits) for _ in range(FLIPS)), *rng.sample(range(8 * 56), 30)]
    for number, bit in enumerate(chosen):
        place = copied(killed, tmp_path / str(number))
        flipped(place.with_name("a.db-wal"), bit)
        try:
            assert everything(place) == expected, f"bit {bit}"
        except AccelsimError as error:
            assert "damaged" in str(error) and "\n" not in str(error)
            found += 1
        shutil.rmtree(tmp_path / str(number))
    assert found > 30


def test_every_frame_of_a_fresh_log_without_its_index(db: Path, tmp_path: Path) -> None:
    """Copied by somebody who knows of two files only: in the last frame's head and page too."""
    subprocess.run([sys.executable, "-c", WRITER, str(db), "fresh"], check=True)
    raw = db.with_name("a.db-wal").read_bytes()
    frames = (len(raw) - 32) // 4120
    for frame in (*range(0, frames - 3, 9), *range(frames - 3, frames)):
        for byte in (8, 16, 24, 4119):
            place = copied(db, tmp_path / f"{frame}-{byte}", ("", "-wal"))
            flipped(place.with_name("a.db-wal"), 8 * (32 + 4120 * frame + byte))
            assert damaged_byte(place) == 32 + 4120 * frame


def test_a_torn_end_is_no_damage(killed: Path) -> None:
    log = killed.with_name("a.db-wal")
    raw = log.read_bytes()
    # What a process leaves that is killed before or within the last frame's page: it was never committed.
    for end in (len(raw) - 1, len(raw) - 4096, len(raw) - 4100, len(raw) - 4120, 40, 32, 10, 0):
        log.write_bytes(raw[:end])
        killed.with_name("a.db-shm").unlink(missing_ok=True)
        assert damaged_byte(killed) is None, end


def test_commands_tell_of_it_and_a_sweep_goes_on(
    db: Path, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    subprocess.run([sys.executable, "-c", WRITER, str(db), "fresh"], check=True)
    flipped(db.with_name("a.db-wal"), 8 * (32 + 4120 * 5 + 1000))
    for words in (["results", str(db)], ["pareto", str(db)], ["check", str(db)]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        said = capsys.readouterr().err
        assert ended.value.code == (1 if words[0] == "check" else 2)
        assert said.count("\n") == 1 and f"{db}-wal: damaged at byte 20632: rows" in said
    with Store.open(db) as store:
        assert store.problems() == ()
    assert ["are lost, and run again" in str(each.message) for each in recwarn] == [True]
    assert everything(db)[0]


def test_a_log_that_is_being_written_is_not_taken_for_damaged(db: Path) -> None:
    program = """
import sys
from accelsim.store import Store
with Store.open(sys.argv[1]) as store:
    print("open", flush=True)
    number = 0
    while True:
        store.set_sweep("a", "text" * number, [(str(at), {}) for at in range(number % 50)])
        number = (number + 1) % 1000
"""
    writer = subprocess.Popen([sys.executable, "-c", program, str(db)], stdout=subprocess.PIPE, text=True)
    try:
        assert writer.stdout is not None and writer.stdout.readline() == "open\n"
        for _ in range(30):
            assert damaged_byte(db) is None
        assert everything(db)[0]
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
    assert damaged_byte(db) is None
    assert everything(db)[0]
