"""Rows that something else deleted or inserted are noticed by whatever reads the database."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from accelsim import AccelsimError
from accelsim.cli import main
from accelsim.store import Outcome, Point, Store
from accelsim.store.database_tables import TABLES
from tests.store.older_databases import everything

Points = list[tuple[Point, Outcome]]


def changed(db: Path, *statements: str) -> None:
    connection = sqlite3.connect(db)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


CHANGES = {
    "a row of points": ["DELETE FROM points WHERE rowid = 3"],
    "all points": ["DELETE FROM points"],
    "a member": ["DELETE FROM members WHERE position = 7"],
    "a sweep and its members": ["DELETE FROM members", "DELETE FROM sweeps"],
    "a machine and its point": [
        "DELETE FROM points WHERE rowid = 2",
        "DELETE FROM machines WHERE sha256 NOT IN (SELECT machine_sha256 FROM points)",
    ],
    "a copied member": ["INSERT INTO members SELECT sweep, 99, 'x', labels, checksum FROM members LIMIT 1"],
    "a swapped row": [
        "DELETE FROM sweeps WHERE name = 'other'",
        "INSERT INTO sweeps SELECT 'third', spec, checksum FROM sweeps",
    ],
    "the ledger": ["DELETE FROM ledger"],
    "a row of the ledger": ["DELETE FROM ledger WHERE name = 'points'"],
    "a count": ["UPDATE ledger SET row_count = row_count + 1 WHERE name = 'points'"],
    "a digest": ["UPDATE ledger SET digest = 'x' WHERE name = 'members'"],
    "the whole table": ["DROP TABLE ledger"],
    "its version": ["DROP TABLE ledger", "PRAGMA user_version = 1"],
    "its version alone": ["PRAGMA user_version = 2"],
}


@pytest.mark.parametrize("kind", CHANGES)
def test_rows_that_something_else_changed(
    db: Path, kind: str, points: Points, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store.open(db) as store:
        store.set_sweep("other", "another file", [])
    changed(db, *CHANGES[kind])
    for words in (["results", str(db)], ["pareto", str(db)], ["check", str(db)]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        said = capsys.readouterr().err
        assert ended.value.code == (1 if words[0] == "check" else 2), said
        assert f"{db}: " in said and (words[0] == "check" or said.count("\n") == 1), said
    with (
        pytest.raises(AccelsimError),
        Store.open(db) as store,
    ):  # as a sweep does before it runs what is missing
        store.done()


def test_what_accelsim_writes_is_in_the_ledger(db: Path, points: Points) -> None:
    """Any order of its own operations, also those that delete, replace and fail, leaves a sound database."""
    draw = random.Random(5)
    expected = everything(db)
    with Store.open(db) as store, Store.open(db) as second:
        for _ in range(60):
            writer = draw.choice((store, second))
            name = draw.choice(("a", "b"))
            some = [(point.id, {"n": draw.random()}) for point, _ in draw.sample(points, draw.randrange(6))]
            how = draw.randrange(4)
            if how == 0:
                writer.set_sweep(name, str(draw.random()), some)
            elif how == 1:
                writer.add_members(name, some)
            elif how == 2:
                failed = [(point, Outcome(point.id, "did not work")) for point, _ in draw.sample(points, 2)]
                writer.put(failed if draw.random() < 0.5 else draw.sample(points, 3), "compiled")
            else:
                with pytest.raises(ZeroDivisionError):
                    writer.put(((points[0][0], points[0][1]) if at == 0 else 1 / 0 for at in range(2)), "x")  # type: ignore[misc]
            assert writer.problems() == ()
    assert everything(db)[0] == expected[0]


def test_damage_stays_noticed_when_more_is_written(db: Path, points: Points) -> None:
    changed(db, "DELETE FROM points WHERE rowid = 3")
    with Store.open(db) as store:
        store.put(points[:2], "compiled")
        store.set_sweep("other", "another file", [])
        assert [text for text in store.problems() if "points: holds 7 rows, accelsim wrote 8" in text]


def test_a_checksum_that_is_no_text_is_told(db: Path) -> None:
    changed(db, "UPDATE points SET checksum = CAST(x'fffe61' AS TEXT) WHERE rowid = 2")
    with Store.open_to_read(db) as store:
        assert any("points, row" in text and "its checksum is wrong" in text for text in store.problems())
        assert any("its rows are not those that accelsim wrote" in text for text in store.problems())


def test_every_table_is_counted(db: Path) -> None:
    connection = sqlite3.connect(db)
    assert {row[0] for row in connection.execute("SELECT name FROM ledger")} == set(TABLES)
    connection.close()
