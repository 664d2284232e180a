"""Damaged databases: a flipped bit or a changed cell is found, or what is read is what was written."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accelsim import AccelsimError
from accelsim.cli import main
from accelsim.store import Outcome, Point, Store
from accelsim.store.database_tables import CREATE, TABLES
from tests.store.older_databases import everything, without_checksums, without_ledger

FLIPS = int(os.environ.get("ACCELSIM_FLIPS", "150"))


def test_a_flipped_bit_is_found_or_harmless(tmp_path: Path, db: Path) -> None:
    raw, expected, found = db.read_bytes(), everything(db), 0
    rng = random.Random(17)
    for number in range(FLIPS):
        bit = rng.randrange(8 * len(raw))
        damaged = bytearray(raw)
        damaged[bit // 8] ^= 1 << bit % 8
        path = tmp_path / f"flipped-{number}.db"
        path.write_bytes(damaged)
        try:
            with Store.open_to_read(path) as store:
                problems: tuple[str, ...] = store.problems()
        except AccelsimError as error:
            problems = (str(error),)
        assert all("\n" not in problem for problem in problems)
        found += bool(problems)
        try:
            assert everything(path) == expected, f"bit {bit}"
        except AccelsimError as error:
            assert problems and "\n" not in str(error), f"bit {bit}: {error}"
    assert found


def cells() -> list[tuple[str, str]]:
    connection = sqlite3.connect(":memory:")
    connection.executescript(CREATE)
    return [(name, row[1]) for name in TABLES for row in connection.execute(f"PRAGMA table_info({name})")]


@pytest.mark.parametrize(("name", "column"), cells())
@pytest.mark.parametrize("value", ["x", 7, b"\xff\0", "[1]"])
def test_a_changed_cell_is_found(db: Path, name: str, column: str, value: object) -> None:
    connection = sqlite3.connect(db)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    (key,) = (
        row[1] for row in connection.execute(f"PRAGMA table_info({name})") if row[5] and row[1] != "sweep"
    )
    connection.execute(
        f"UPDATE {name} SET {column} = ? WHERE {key} = (SELECT max({key}) FROM {name})", (value,)
    )
    connection.commit()
    connection.close()
    with Store.open_to_read(db) as store:
        assert any(name in problem and "checksum" in problem for problem in store.problems())


@pytest.mark.parametrize(
    "change",
    [
        "members SET labels = 'x'", "members SET labels = '[]'", "machines SET config = '{\"mvu\":'",
        "points SET counts = 'NaN'",
        "points SET latency_us = 'fast'", "points SET utilization = x'ff'", "points SET network = x'07'",
        "points SET images = 'two'",
    ],
)  # fmt: skip
@pytest.mark.parametrize("old", [False, True])
def test_commands_tell_of_a_changed_row_in_one_line(
    db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str, old: bool
) -> None:
    if old:
        without_checksums(db)
    connection = sqlite3.connect(db)
    connection.execute(f"UPDATE {change}")
    connection.commit()
    connection.close()
    page = tmp_path / "page.html"
    for words in (["results", str(db)], ["pareto", str(db)], ["report", str(db), "--html", str(page)]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        said = capsys.readouterr().err
        assert (ended.value.code, said.count("\n")) == (2, 1), said
        assert f"{db}: " in said
    assert not page.exists()
    with pytest.raises(SystemExit) as ended:
        main(["check", str(db)])
    assert ended.value.code == 1


@pytest.mark.parametrize(
    ("older", "said"), [(without_checksums, "before checksums"), (without_ledger, "before rows were counted")]
)
def test_an_older_database(
    db: Path,
    points: list[tuple[Point, Outcome]],
    capsys: pytest.CaptureFixture[str],
    older: Callable[[Path], None],
    said: str,
) -> None:
    expected = everything(db)
    older(db)
    assert everything(db) == expected
    with pytest.raises(SystemExit) as ended:
        main(["check", str(db)])
    assert ended.value.code == 0 and f"written {said}" in capsys.readouterr().out
    with Store.open(db) as store:
        store.put(points[:1], "compiled")
        assert store.lacks is None and store.problems() == ()
    assert everything(db) == expected


@pytest.mark.parametrize(
    ("older", "change"),
    [
        *(
            (without_checksums, change)
            for change in (
                "machines SET config = replace(config, 400, 401)", "points SET energy_pj = energy_pj + 1",
                "points SET sram_pj = sram_pj * 1.5", "points SET workload_sha256 = replace(workload_sha256, 'a', 'b')",
                "points SET images = 3", "points SET image_ids = '[0]'", "members SET labels = 'x'",
                "points SET code = '0.1.0+model.0'", "points SET network = x'07'",
            )
        ),
        (without_ledger, "points SET network = 'another'"),
    ],
)  # fmt: skip
def test_a_damaged_older_database_is_not_migrated(
    db: Path, older: Callable[[Path], None], change: str
) -> None:
    older(db)
    connection = sqlite3.connect(db)
    connection.execute(f"UPDATE {change} WHERE rowid = 1" if "members" not in change else f"UPDATE {change}")
    connection.commit()
    before = list(connection.iterdump())
    connection.close()
    with pytest.raises(
        AccelsimError, match="a sweep writes to no damaged database of an older version"
    ) as caught:
        Store.open(db)
    assert "\n" not in str(caught.value)
    with Store.open_to_read(db) as store:
        assert store.problems()
    assert list(sqlite3.connect(db).iterdump()) == before


def killed_while_open(db: Path) -> None:
    """Add a sweep from a process that ends without closing: its rows are in the log only."""
    program = (
        "import os, sys; from accelsim.store import Store\n"
        "store = Store.open(sys.argv[1]); store.set_sweep('late', '', []); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, str(db)], check=True)
    assert db.with_name("a.db-wal").stat().st_size


@pytest.mark.parametrize("with_index", [False, True])
def test_a_log_in_a_folder_that_cannot_be_written(
    db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_index: bool
) -> None:
    killed_while_open(db)
    folder = tmp_path / "copied"
    folder.mkdir()
    for suffix in ("", "-wal", *(["-shm"] if with_index else [])):
        shutil.copyfile(f"{db}{suffix}", folder / f"a.db{suffix}")
    # Permissions do not stop root: what they would make of opening there to write does.
    connect = sqlite3.connect

    def refusing(name: Any, **options: Any) -> sqlite3.Connection:
        if "mode=rw" in str(name) and "copied" in str(name):
            raise sqlite3.OperationalError("unable to open database file")
        return connect(name, **options)

    monkeypatch.setattr("accelsim.store.database_file.sqlite3.connect", refusing)
    before = sorted(each.name for each in folder.iterdir())
    with Store.open_to_read(folder / "a.db") as store:
        assert [each["name"] for each in store.sweeps()] == ["late", "mine"]
    assert sorted(each.name for each in folder.iterdir()) == before

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("accelsim.store.database_file.shutil.copyfile", full)
    with pytest.raises(AccelsimError, match=r"write-ahead log holds rows.*No space left") as caught:
        Store.open_to_read(folder / "a.db")
    assert "\n" not in str(caught.value)


def test_a_log_that_cannot_be_folded_in(db: Path) -> None:
    size = db.stat().st_size

    def little_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    program = (
        "import sys; from accelsim.store import Store\n"
        "with Store.open(sys.argv[1]) as store:\n    store.set_sweep('late', 'x' * (int(sys.argv[2]) // 4), [])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(db), str(size)],
        preexec_fn=little_room, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"keep {db} and {db}-wal together" in done.stderr
    assert [each["name"] for each in everything(db)[2]] == ["late", "mine"]
