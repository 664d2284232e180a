"""Cell libraries: functions, tables, what is refused, and one line for what cannot be read."""

from __future__ import annotations

import gzip
import hashlib
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import AccelsimError
from accelsim.rtl.synth.blocks_table import LOAD, SLEW, Table
from accelsim.rtl.synth.liberty_function import parse_function
from accelsim.rtl.synth.library import load_library

TINY = Path(__file__).parent / "tiny.lib"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("!A & B | C", lambda a, b, c: (not a and b) or c),
        ("A + B * C'", lambda a, b, c: a or (b and not c)),
        ("A ^ B & C", lambda a, b, c: (a != b) and c),  # Liberty's order: ^ binds tighter than &
        ("(A B) + !(B C)", lambda a, b, c: (a and b) or not (b and c)),
        ("!!A", lambda a, b, c: a),
        ("(A ^ B) ^ C", lambda a, b, c: (a != b) != c),
        ("1", lambda a, b, c: True),
    ],
)
def test_functions(text: str, wanted: Callable[[bool, bool, bool], bool]) -> None:
    function = parse_function(text, "test")
    for a, b, c in itertools.product((0, 1), repeat=3):
        values = {
            name: np.array([-bit], np.int64).view(np.uint64)
            for name, bit in zip("ABC", (a, b, c), strict=True)
        }
        ones = 2**64 - 1 if wanted(bool(a), bool(b), bool(c)) else 0
        assert function(values)[0] == ones, (text, a, b, c)


@pytest.mark.parametrize(
    "text", ["", "A &", "(A", "A)", "& A", "A $ B", "!", "!" * 2000 + "A", "(" * 400 + "A" + ")" * 400]
)
def test_what_is_no_function(text: str) -> None:
    with pytest.raises(AccelsimError, match="cannot read the function"):
        parse_function(text, "test")


def test_a_table_is_linear_between_its_points_and_beyond() -> None:
    table = Table((SLEW, LOAD), ((0.0, 1.0), (0.0, 10.0)), (1.0, 3.0, 5.0, 7.0))
    assert table.at(0.0, 5.0) == 2.0
    assert table.at(0.5, 0.0) == 3.0
    assert table.at(0.0, 20.0) == 5.0
    assert table.at(2.0, 10.0) == 11.0
    turned = Table((LOAD, SLEW), ((0.0, 10.0), (0.0, 1.0)), (1.0, 5.0, 3.0, 7.0))
    assert turned.at(0.5, 5.0) == table.at(0.5, 5.0)


@given(st.floats(0, 1), st.floats(0, 10))
def test_a_table_of_a_plane_is_the_plane(slew: float, load: float) -> None:
    points = ((0.0, 0.2, 1.0), (0.0, 3.0, 10.0))
    table = Table((SLEW, LOAD), points, tuple(2 * s + 3 * c for s in points[0] for c in points[1]))
    assert table.at(slew, load) == pytest.approx(2 * slew + 3 * load, abs=1e-9)


def test_cells_that_a_synchronous_netlist_has_no_use_for_are_refused() -> None:
    library = load_library(TINY)
    assert set(library.cells) == {"INV", "BUF", "NAND2", "DFF", "GATE"}
    assert library.refused == ("LATCH",)
    assert library.supply_v == 2.0
    assert library.register_load_ff == 1.5


def test_a_packed_library_has_the_digest_of_the_unpacked_one(tmp_path: Path) -> None:
    packed = tmp_path / "tiny.lib.gz"
    packed.write_bytes(gzip.compress(TINY.read_bytes()))
    assert load_library(packed).sha256 == hashlib.sha256(TINY.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "ends inside a group|expected a library group|the file ends"),
        (b"library (x) {", "the file ends inside a group"),
        (b'library (x) { a : "never ends; }', "a string that never ends"),
        (b"library (x) {\n" + b"a (x) {" * 2000, "groups are nested too deeply"),
        (b"cell (x) { }", "time_unit|expected a library group"),
        (b'library (x) { time_unit : "1ps"; }', "time_unit is 1ps; only 1ns is understood"),
        (b"\x1f\x8b\x08broken", "the gzip data is damaged|cannot unpack|cannot read"),
    ],
)
def test_what_is_no_library(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "bad.lib"
    path.write_bytes(content)
    with pytest.raises(AccelsimError, match=said) as caught:
        load_library(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_a_missing_library(tmp_path: Path) -> None:
    with pytest.raises(AccelsimError, match="no such cell library"):
        load_library(tmp_path / "none.lib")
