"""The technology file: what ships loads and adds up, what is malformed is refused in one line."""

from __future__ import annotations

import csv
import io
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from accelsim.bundled import bundled_path
from accelsim.config import Technology, load_technology
from accelsim.config.technology import TechnologyFile
from accelsim.errors import AccelsimError

FOLDER = bundled_path("hwconfigs/technology")
YAML = (FOLDER / "freepdk45.yaml").read_text(encoding="utf-8")
TABLE = (FOLDER / "cacti7_45nm_sram.csv").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def technology() -> Technology:
    return load_technology("freepdk45")


def test_numbers_equal_the_arithmetic_in_their_sources(technology: Technology) -> None:
    """The components' measured figures, summed again by hand from the measurement's rows."""
    events, blocks = technology.events, technology.blocks
    assert events.multiply_16bit_pj.value == pytest.approx(11.20631 - 1.71285)
    assert events.multiply_4bit_pj.value == pytest.approx((11.98756 - 1.19197) / 16)
    assert events.projection_addition_pj.value == pytest.approx(0.19281 * 20 / 16 + 0.07819)
    assert events.quantize_pj.value == pytest.approx(2 * 2.86421 + 0.42012 + 0.60596, rel=1e-4)
    assert events.register_file_write_pj.value == pytest.approx(5.23745 - 4.66571 + 0.14001)
    assert events.register_file_read_per_entry_pj.value == pytest.approx((6.16839 - 4.66571) / 32)
    assert events.ranking_pair_bit_pj.value == pytest.approx(1.68966 / (28 * 8))
    assert events.magnitude_pj.value == pytest.approx(0.12228 - 0.05559)
    assert blocks.multiplier.area_um2 == pytest.approx(5670.854 - 591.318)
    assert blocks.multiplier.leakage_uw == pytest.approx(123.3185 - 12.8936)
    assert blocks.projection_adder.area_um2 == pytest.approx(83.258 * 20 / 16 + 30.59 + 72.352 / 8)
    assert blocks.projection_adder.leakage_uw == pytest.approx(
        1.8997 * 20 / 16 + 0.5963 + 1.2658 / 8, rel=1e-5
    )
    assert blocks.quantizer.area_um2 == pytest.approx(2 * 1393.042 + 183.274 + 486.248)
    assert blocks.quantizer.leakage_uw == pytest.approx(2 * 33.1209 + 4.1549 + 10.3315)
    assert blocks.register_file_word.area_um2 == pytest.approx(4306.54 / 32 - (102.942 - 72.352) + 3.458)
    assert blocks.ranking_pair_bit.area_um2 == pytest.approx(740.278 / (28 * 8))


def test_a_16_bit_multiplication_costs_about_14_times_a_4_bit_one(technology: Technology) -> None:
    ratio = technology.events.multiply_16bit_pj.value / technology.events.multiply_4bit_pj.value
    assert 13 < ratio < 16


def test_sha256_follows_yaml_and_table(tmp_path: Path, technology: Technology) -> None:
    copy = _write(tmp_path, YAML, TABLE)
    assert load_technology(copy) == technology
    other = _write(tmp_path, YAML, TABLE.replace("\n32,64,", "\n48,64,"))
    assert load_technology(other).sha256 != technology.sha256


EDITS: dict[str, tuple[str, str, str, str]] = {
    "negative energy": (
        "value: 9.49346",
        "value: -9.49346",
        "events.multiply_16bit_pj.value",
        "not greater than 0",
    ),
    "zero energy": ("value: 9.49346", "value: 0", "events.multiply_16bit_pj.value", "not greater than 0"),
    "nan energy": (
        "value: 9.49346",
        "value: .nan",
        "events.multiply_16bit_pj.value",
        "must be a finite number",
    ),
    "infinite energy": (
        "value: 9.49346",
        "value: 1e999",
        "events.multiply_16bit_pj.value",
        "must be a finite number",
    ),
    "huge energy": (
        "value: 9.49346",
        "value: 1e30",
        "events.multiply_16bit_pj.value",
        "above the most allowed",
    ),
    "text energy": ("value: 9.49346", "value: 9.49 pJ", "events.multiply_16bit_pj.value", "must be a number"),
    "wrong unit": (
        "multiply_16bit_pj",
        "multiply_16bit_nj",
        "events.multiply_16bit_nj",
        "did you mean `multiply_16bit_pj`?",
    ),
    "no source": (
        '    source: "add48, min_area, uniform"\n',
        "",
        "events.psum_addition_pj.source",
        "missing",
    ),
    "missing block": ("  tree_adder:", "  tree_adders:", "blocks.tree_adders", "did you mean `tree_adder`?"),
    "negative delay": (
        "delay_ns: 1.6576",
        "delay_ns: -1",
        "blocks.multiplier.delay_ns",
        "not greater than 0",
    ),
    "wrong version": (
        "accelsim-technology/1",
        "accelsim-technology/9",
        "format",
        "allowed: 'accelsim-technology/1'",
    ),
    "table elsewhere": ("table: cacti7_45nm_sram.csv", "table: ../x.csv", "sram.table", "given '../x.csv'"),
}


@pytest.mark.parametrize("name", EDITS)
def test_malformed_technology(name: str, tmp_path: Path) -> None:
    old, new, field, says = EDITS[name]
    assert old in YAML
    path = _write(tmp_path, YAML.replace(old, new, 1), TABLE)
    message = _refusal(path)
    assert re.match(rf"{re.escape(str(path))}:[0-9]+: field {re.escape(field)}: ", message), message
    assert says in message


ROW = next(line for line in TABLE.splitlines() if line.startswith("32,64,"))
TABLES: dict[str, tuple[str, str]] = {
    "other cells": (
        TABLE.replace(ROW, ROW.replace("itrs-lstp,itrs-lstp", "itrs-hp,itrs-lstp")),
        "cell_type is 'itrs-hp'",
    ),
    "other objective": (
        TABLE.replace(ROW, ROW.replace("ED2", "ED")),
        "objective is 'ED', the technology says 'ED2'",
    ),
    "not a number": (
        TABLE.replace(ROW, ROW.replace("17.0418", "much")),
        "read_energy_pj is 'much', not a number",
    ),
    "negative": (
        TABLE.replace(ROW, ROW.replace("17.0418", "-17")),
        "read_energy_pj is -17; must be 1e-06 to 1e+06",
    ),
    "nan": (TABLE.replace(ROW, ROW.replace("17.0418", "nan")), "read_energy_pj is 'nan', not a number"),
    "cut row": (
        TABLE.replace(ROW, ROW[: ROW.index("ED2") + 3]),
        "has fewer cells than the table has columns",
    ),
    "row twice": (TABLE.replace(ROW, f"{ROW}\n{ROW}"), "32 KiB, 64 bits twice"),
    "column missing": (TABLE.replace("area_mm2", "area", 1), ":1: column area_mm2 is missing"),
    "no rows": (TABLE.splitlines()[0], "no rows"),
    "empty": ("", ":1: column size_kib is missing"),
}


READ = (
    "size_kib", "word_bits", "read_energy_pj", "write_energy_pj", "leakage_mw", "gate_leakage_mw", "random_cycle_time_ns",
    "area_mm2",
)  # fmt: skip
CELLS = [
    "1e308", "-1e308", "1e400", "nan", "inf", "-inf", "Infinity", "0", "-0.0", "-1", "1e-300", "5e-324", "", " ", "1_0",
    "0x10", "1,5", "\u0661", "1e", "--1", "9" * 400, "None", "True", "1 2", "1e7",
]  # fmt: skip


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("column", READ)
def test_a_cell_out_of_range_is_refused_with_line_and_column(tmp_path: Path, column: str, cell: str) -> None:
    rows = list(csv.reader(TABLE.splitlines()))
    line = 1 + (len(cell) + len(column)) % (len(rows) - 1)
    rows[line][rows[0].index(column)] = cell
    message = _refusal(_write(tmp_path, YAML, _text(rows)))
    place = tmp_path / "cacti7_45nm_sram.csv"
    assert message.startswith(f"{place}:{line + 1}: {column} is "), message


@pytest.mark.parametrize("bits", ["64.9", "64.5", "1e-1", "0.999", "65537", "63.99999"])
def test_words_have_a_whole_number_of_bits(tmp_path: Path, bits: str) -> None:
    message = _refusal(_write(tmp_path, YAML, TABLE.replace("32,64,", f"32,{bits},")))
    assert f": word_bits is {bits}; must be" in message


@pytest.mark.parametrize("column", range(len(TABLE.splitlines()[0].split(","))))
def test_every_column_is_given_once(tmp_path: Path, column: int) -> None:
    rows = list(csv.reader(TABLE.splitlines()))
    again = [[*row, row[column]] for row in rows]
    message = _refusal(_write(tmp_path, YAML, _text(again)))
    assert f":1: column {rows[0][column]!r} is given twice" in message


@pytest.mark.parametrize("status", ["FAILED", "", "OK", "ok ", "error: no solution"])
def test_rows_that_failed_are_refused(tmp_path: Path, status: str) -> None:
    rows = list(csv.reader(TABLE.splitlines()))
    rows[7][rows[0].index("status")] = status
    message = _refusal(_write(tmp_path, YAML, _text(rows)))
    assert f"csv:8: status is {status!r}, allowed 'ok'" in message


def test_cells_beyond_the_columns_and_tables_without_a_status(tmp_path: Path) -> None:
    rows = list(csv.reader(TABLE.splitlines()))
    message = _refusal(_write(tmp_path, YAML, _text([*rows[:3], [*rows[3], "more"], *rows[4:]])))
    assert "csv:4: has more cells than" in message
    status = rows[0].index("status")
    without = _text([[cell for index, cell in enumerate(row) if index != status] for row in rows])
    assert (
        load_technology(_write(tmp_path, YAML, without)).sram
        == load_technology(_write(tmp_path, YAML, TABLE)).sram
    )


def _text(rows: list[list[str]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()


@pytest.mark.parametrize("name", TABLES)
def test_malformed_table(name: str, tmp_path: Path) -> None:
    table, says = TABLES[name]
    assert table != TABLE
    message = _refusal(_write(tmp_path, YAML, table))
    assert message.startswith(str(tmp_path / "cacti7_45nm_sram.csv")) and says in message


def test_table_not_there_or_not_text(tmp_path: Path) -> None:
    path = _write(tmp_path, YAML, TABLE)
    (tmp_path / "cacti7_45nm_sram.csv").write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8 text" in _refusal(path)
    (tmp_path / "cacti7_45nm_sram.csv").unlink()
    assert "no such SRAM table" in _refusal(path)


def test_unknown_technology() -> None:
    assert (
        _refusal("freepdk54")
        == "freepdk54: no such technology; did you mean `freepdk45`? allowed: freepdk45, freepdk45-rtl, or a file"
    )


def test_tables_of_another_folder_are_found_beside_the_file(tmp_path: Path, technology: Technology) -> None:
    shutil.copytree(FOLDER, tmp_path / "mine")
    assert load_technology(tmp_path / "mine" / "freepdk45.yaml").sram == technology.sram


def _write(folder: Path, text: str, table: str) -> Path:
    path = folder / "technology.yaml"
    path.write_text(text, encoding="utf-8")
    (folder / "cacti7_45nm_sram.csv").write_text(table, encoding="utf-8")
    return path


def _refusal(path: Path | str) -> str:
    with pytest.raises(AccelsimError) as caught:
        load_technology(path)
    message = str(caught.value)
    assert "\n" not in message and message.isprintable()
    return message


def test_a_technology_with_a_value_changed() -> None:
    technology = load_technology("freepdk45")
    data = technology.as_file()
    assert list(data) == list(TechnologyFile.model_fields)
    assert technology.changed(data) == technology
    data["events"]["multiply_4bit_pj"]["value"] = 0.5
    changed = technology.changed(data)
    assert changed != technology
    assert changed.events.multiply_4bit_pj.value == 0.5
    assert changed.blocks == technology.blocks
    data["events"]["multiply_4bit_pj"]["value"] = -1
    with pytest.raises(AccelsimError, match=r"technology freepdk45: field events\.multiply_4bit_pj\.value"):
        technology.changed(data)


def test_every_number_of_the_measured_technology_says_how_it_was_measured() -> None:
    technology = load_technology("freepdk45-rtl")
    for section in (technology.events, technology.blocks):
        for key, number in section:
            assert technology.measurements[number.measurement].library_sha256, key


def test_the_measured_energies_are_means_of_the_rows_beside_them() -> None:
    rows = pd.read_csv(FOLDER / "freepdk45-rtl-blocks.csv")
    events = load_technology("freepdk45-rtl").events

    def mean(block: str, operation: str, positions: int = 4) -> float:
        chosen = rows[(rows.block == block) & (rows.operation == operation) & (rows.positions == positions)]
        assert len(chosen)
        return chosen.energy_pj.mean()

    assert events.multiply_16bit_pj.value == pytest.approx(mean("fused_multiplier", "precise"), rel=1e-3)
    assert events.multiply_4bit_pj.value == pytest.approx(mean("fused_multiplier", "approximate"), rel=1e-3)
    assert events.quantize_pj.uniform_value == pytest.approx(mean("quantizer", "quantize", 0), rel=1e-3)
    lane = mean("projection_lane", "accumulate")
    tree = (mean("adder_tree", "precise") + mean("adder_tree", "approximate")) / 2
    rest = lane - tree - 2 * mean("word_register", "write")
    assert events.projection_addition_pj.value == pytest.approx(rest / (16 / 3), rel=1e-3)


def test_what_was_not_measured_says_what_stands_for_it(technology: Technology) -> None:
    assert technology.events.ring_write_pj.value == technology.events.register_write_pj.value
    assert technology.blocks.vpu_masks.area_um2 == 24 * technology.blocks.register_word.area_um2
    assert technology.blocks.vpu_masks.source.startswith("not measured: register_word x 24 stands for it")


def test_an_older_file_is_told_all_keys_that_it_lacks(tmp_path: Path) -> None:
    file = yaml.safe_load(YAML)
    for key in ("ring_write_pj", "result_rotate_pj"):
        del file["events"][key]
    message = _refusal(_write(tmp_path, yaml.safe_dump(file), TABLE))
    assert message.endswith(
        "field events: lacks ring_write_pj, result_rotate_pj; every key needs a figure and its source (docs/energy.md)"
    )
    assert re.match(rf"{re.escape(str(tmp_path))}/technology\.yaml:\d+: ", message)


def test_a_measurement_that_is_not_there_is_named(tmp_path: Path) -> None:
    text = (
        YAML.replace("    value: 9.49346\n", "    value: 9.49346\n    measurement: lost\n")
        + "measurements: {}\n"
    )
    (tmp_path / "lost.yaml").write_text(text)
    (tmp_path / "cacti7_45nm_sram.csv").write_text(TABLE)
    with pytest.raises(
        AccelsimError, match=r"events\.multiply_16bit_pj refers to 'lost', which is not among them"
    ):
        load_technology(tmp_path / "lost.yaml")
