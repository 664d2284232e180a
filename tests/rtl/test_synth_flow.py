"""The whole way from Amaranth to energy: mapped netlists compute what the block computes, and figures become a file."""

from __future__ import annotations

import csv
import gc
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("amaranth", reason="needs the extra rtl")
pytest.importorskip("pyosys", reason="needs the extra rtl")
pytest.importorskip("torch", reason="needs the extra train")

from amaranth.back import rtlil
from amaranth.lib.wiring import Out

from accelsim.bundled import bundled_path
from accelsim.config import load_machine, load_technology
from accelsim.config.technology import Blocks, Events
from accelsim.errors import AccelsimError
from accelsim.rtl.blocks.brick import Brick
from accelsim.rtl.blocks.fused import FusedMultiplier
from accelsim.rtl.synth.__main__ import main, shared_digest
from accelsim.rtl.synth.catalog import BlockSpec
from accelsim.rtl.synth.derive import Derivation
from accelsim.rtl.synth.gate_simulation import Simulator, bits_of
from accelsim.rtl.synth.library import Library, load_library
from accelsim.rtl.synth.measure_blocks import (
    STAGE_NS,
    Bench,
    MeasuredBlock,
    Physical,
    Reading,
    load_block,
    recipes,
    save_block,
)
from accelsim.rtl.synth.netlist import Netlist, read_netlist
from accelsim.rtl.synth.parts import RegisterFile, WordRegister
from accelsim.rtl.synth.synthesis_report import deviations, print_blocks, print_comparison, report_csv
from accelsim.rtl.synth.technology_file import technology_yaml
from accelsim.rtl.synth.whole import wholes
from accelsim.rtl.synth.yosys_mapping import Recipe, map_design

STREAMS = 512
MACHINES = {name: load_machine(name) for name in ("dense", "unstructured", "structured")}


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library(Path(__file__).parent / "tiny.lib")


def mapped(block: object, library: Library, booth: bool = True, ignored: tuple[str, ...] = ()) -> Netlist:
    text = rtlil.convert(block, name="block", emit_src=False)
    return read_netlist(
        map_design(text, "block", library, Recipe(2000, booth), ignored).json, "block", library
    )


@pytest.mark.parametrize("booth", [False, True])
def test_a_mapped_brick_multiplies(library: Library, booth: bool) -> None:
    """All 256 pairs of nibbles, each read as signed and as unsigned."""
    simulator = Simulator(mapped(Brick(), library, booth), 1024)
    a, b, a_signed, b_signed = (part.ravel() for part in np.meshgrid(*[np.arange(16)] * 2, [0, 1], [0, 1]))
    ports = {"a": (a, 4), "b": (b, 4), "a_signed": (a_signed, 1), "b_signed": (b_signed, 1)}
    simulator.cycle({port: bits_of(values[None], bits)[0] for port, (values, bits) in ports.items()})
    wanted = (a - 16 * a_signed * (a > 7)) * (b - 16 * b_signed * (b > 7))
    assert simulator.output("product", signed=True).tolist() == wanted.tolist()


def test_a_mapped_multiplier_computes_both_modes(library: Library) -> None:
    netlist = mapped(FusedMultiplier(), library)
    rng = np.random.default_rng(3)
    x, w = rng.integers(-(2**15), 2**15, (2, STREAMS))
    codes = rng.integers(-7, 8, (2, STREAMS, 16))
    simulator = Simulator(netlist, STREAMS)
    inputs = {
        "a_wide": bits_of(x[None], 16)[0],
        "b_wide": bits_of(w[None], 16)[0],
        "a_narrow": bits_of(codes[0][None], 4)[0],
        "b_narrow": bits_of(codes[1][None], 4)[0],
    }
    for wide, wanted in ((1, x * w), (0, (codes[0] * codes[1]).sum(axis=1))):
        mode = bits_of(np.full((1, STREAMS), wide), 1)[0]
        for _ in range(FusedMultiplier.latency + 1):
            simulator.cycle({**inputs, "wide": mode})
        assert simulator.output("product", signed=True).tolist() == wanted.tolist()


def test_registers_with_an_enable_get_a_clock_gate_and_no_multiplexer(library: Library) -> None:
    netlist = mapped(WordRegister(), library)
    assert len(netlist.registers) == 16
    assert {each.cell.name for each in netlist.gates} == {"GATE"}
    assert not netlist.combinational
    # A gate of tiny.lib drives two of these registers, and the copies have clock nets of their own.
    assert len(netlist.gates) == len({each.nets["CK"] for each in netlist.registers}) == 8


def test_a_mapped_register_file_remembers(library: Library) -> None:
    simulator = Simulator(mapped(RegisterFile(8), library), 64)
    words = [3, 65535, 17, 0, 40000, 1, 2, 9]

    def cycle(write: int, index: int, word: int, read: int) -> int:
        ports = {"write": (write, 1), "write_index": (index, 3), "word": (word, 16), "read_index": (read, 3)}
        simulator.cycle({name: bits_of(np.full((1, 64), v), bits)[0] for name, (v, bits) in ports.items()})
        return int(simulator.output("read_word")[0])

    for index, word in enumerate(words):
        cycle(1, index, word, 0)
    cycle(0, 3, 7777, 0)  # not written
    assert [cycle(0, 0, 0, index) for index in range(8)] == words


def test_an_ignored_output_leaves_nothing_behind(library: Library) -> None:
    whole = mapped(RegisterFile(8), library)
    without = mapped(RegisterFile(8), library, ignored=("read_word",))
    assert not without.instances and whole.instances
    assert "read_word" not in without.outputs


def test_what_yosys_cannot_read_is_one_line(library: Library) -> None:
    with pytest.raises(AccelsimError, match="nothing: Yosys failed: ERROR") as caught:
        map_design("module other(input a); endmodule", "nothing", library, Recipe(2000, False))
    assert "\n" not in str(caught.value)


def made_up_blocks() -> dict[str, MeasuredBlock]:
    """A figure for every block and operation that the derivation asks for: energies 1 uniform, 0.5 real."""
    operations = {
        "fused_multiplier": ("precise", "approximate"),
        "operand_stage_1": ("precise", "approximate"),
        "operand_stage_4": ("precise", "approximate"),
        "adder_tree": ("precise", "approximate"),
        "psum_file_4": ("precise", "approximate"),
        "psum_file_16": ("precise", "approximate"),
        "requantizer": ("precise", "approximate"),
        "projection_lane": ("accumulate",),
        "quantizer": ("quantize",),
        "threshold_selector": ("compare",),
        "ranker": ("rank",),
        "word_magnitude": ("take",),
        "word_register": ("write",),
        "word_mux": ("select",),
        "register_file_8": ("write",),
        "register_file_16": ("write",),
        "walker_threshold": ("step",),
        "walker_groups": ("step",),
        "weight_ring": ("pass",),
        "word_rotator": ("read",),
        "group_select": ("read",),
        "neuron_masks": (),
        "vpu_masks_threshold": (),
        "vpu_masks_groups": (),
        "selector_threshold": (),
        "selector_groups": (),
    }
    size = {
        "operand_stage_4": 20.0,
        "psum_file_4": 6.0,
        "psum_file_16": 12.0,
        "projection_lane": 100.0,
        "ranker": 90.0,
    }
    size |= {"selector_threshold": 30.0, "selector_groups": 900.0}
    return {
        name: MeasuredBlock(
            name,
            Physical("booth, 1700 ps", 10, 2, 10 * size.get(name, 1.0), size.get(name, 1.0), 1.0, 1.5),
            tuple(
                Reading(operation, *operands, factor * size.get(name, 1.0), 0.1, 0.1)
                for operation in named
                for operands, factor in ((("uniform", "", 0), 1.0), (("dense", "layer1", 4), 0.5))
            ),
        )
        for name, named in operations.items()
    }


def test_figures_become_a_technology_that_loads(tmp_path: Path, library: Library) -> None:
    sram = load_technology("freepdk45").sram_conditions
    text = technology_yaml("made-up", made_up_blocks(), MACHINES, library, sram, "no tools", date(2026, 1, 2))
    (tmp_path / "made-up.yaml").write_text(text)
    (tmp_path / sram.table).write_bytes(bundled_path(f"hwconfigs/technology/{sram.table}").read_bytes())
    technology = load_technology(tmp_path / "made-up.yaml")
    assert technology.measurements["rtl"].date == "2026-01-02"
    assert technology.measurements["rtl"].library_sha256 == library.sha256
    assert technology.events.multiply_16bit_pj.value == 0.5
    # The psum file: a line through 4 entries (3 pJ) and 16 (6 pJ), three words each; it begins at 2 pJ.
    assert technology.events.register_file_read_per_entry_pj.value == pytest.approx(3 / 12 / 3, rel=1e-4)
    assert technology.events.psum_addition_pj.value == pytest.approx(2 - 3 * 0.5, rel=1e-4)
    # A ranker of 45 pJ of eight values: 28 pairs of 16 bits after eight magnitudes of 0.5 pJ.
    assert technology.events.ranking_pair_bit_pj.value == pytest.approx((45 - 8 * 0.5) / 448, rel=1e-4)
    assert technology.blocks.register_word.area_um2 == 10.0
    for section in (technology.events, technology.blocks):
        for key, number in section:
            assert number.measurement == "rtl", key
            assert "the file has no" not in number.source, key


def test_the_derivation_gives_every_key_of_the_schema() -> None:
    derivation = Derivation(made_up_blocks(), MACHINES, 4)
    assert set(derivation.events()) == set(Events.model_fields)
    assert set(derivation.blocks()) == set(Blocks.model_fields)


def test_a_block_that_was_not_measured_is_named() -> None:
    blocks = made_up_blocks()
    del blocks["ranker"]
    with pytest.raises(AccelsimError, match="block ranker was not measured"):
        Derivation(blocks, MACHINES, 4).events()


def test_what_was_measured_is_kept_and_damage_is_measured_again(tmp_path: Path) -> None:
    block = made_up_blocks()["ranker"]
    path = tmp_path / "ranker.json"
    save_block(path, block)
    assert load_block(path) == block
    path.write_text(path.read_text()[:-20])
    assert load_block(path) is None
    assert load_block(tmp_path / "none.json") is None


def test_table_and_csv_have_every_operation(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = made_up_blocks()
    print_blocks(blocks, MACHINES)
    print_comparison(blocks, MACHINES)
    shown = capsys.readouterr().out
    lines = report_csv(blocks).splitlines()
    for block in blocks.values():
        assert block.name in shown
        assert sum(line.startswith(f"{block.name},") for line in lines) == max(1, len(block.readings))


def test_a_figure_that_is_not_the_shipped_one_is_named() -> None:
    blocks = made_up_blocks()
    shipped = report_csv(blocks)
    assert list(deviations(blocks, shipped)) == []
    assert list(deviations({"ranker": blocks["ranker"]}, shipped)) == []  # others are not asked for
    changed = replace(blocks["ranker"], physical=replace(blocks["ranker"].physical, area_um2=901.0))
    rows = len(changed.readings)
    assert list(deviations(blocks | {"ranker": changed}, shipped)) == [
        f"ranker rank {reading.scheme} {reading.layer} {reading.positions}".replace("  ", " ")
        + ": area_um2 901, shipped 900"
        for reading in changed.readings
    ]
    fewer = replace(blocks["ranker"], readings=changed.readings[:1])
    assert list(deviations({"ranker": fewer}, shipped)) == [
        "ranker rank dense layer1 4: in the shipped report only"
    ]
    assert len(list(deviations({"ranker": changed}, report_csv({})))) == rows


@pytest.mark.filterwarnings("ignore:.* created but never used")
def test_a_core_without_its_datapath_is_what_is_left_of_the_issue_stage() -> None:
    """Every port that is left out exists, and no multiplier's operand is among those that stay."""
    for spec in wholes(MACHINES):
        block = spec.build()
        assert set(spec.ignored) <= set(block.signature.members)
        if spec.name.startswith("issue_stage"):
            kept = {name for name, member in block.signature.members.items() if member.flow == Out}
            assert kept - set(spec.ignored) == ISSUED
        del block
        gc.collect()  # else Amaranth warns in some later test that it was only looked at


ISSUED = {
    "done", "input_read", "input_address", "patch_write", "patch_write_address", "patch_read", "patch_address",
    "weight_read", "weight_address", "select_read", "select_address", "result_read", "result_address",
    "output_write", "output_words", "output_address",
}  # fmt: skip


def test_what_is_mapped_whole_need_not_meet_a_stage_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "accelsim.rtl.synth.__main__.wholes", lambda machines: [BlockSpec("lone_brick", Brick, ())]
    )
    monkeypatch.setattr("accelsim.rtl.synth.measure_blocks.STAGE_NS", 0.001)
    liberty = str(Path(__file__).parent / "tiny.lib")
    folders = ["--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")]
    assert main(["--liberty", liberty, "--whole", *folders]) == 0
    assert "lone_brick" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_the_flow_maps_blocks_as_those_of_the_shipped_file_were_mapped() -> None:
    """Whatever the clock of the shipped machines: else the command would not give the shipped figures again."""
    with bundled_path("hwconfigs/technology/freepdk45-rtl-blocks.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["recipe"] for row in rows} <= {str(recipe) for recipe in recipes()}
    assert max(float(row["period_ns"]) for row in rows) <= STAGE_NS


def test_what_was_measured_with_other_tools_or_machines_is_measured_again(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(library, {"dense": MACHINES["dense"]}, [])
    first = shared_digest(bench)
    assert shared_digest(bench) == first
    assert shared_digest(Bench(library, {"dense": MACHINES["structured"]}, [])) != first
    monkeypatch.setattr("accelsim.rtl.synth.__main__.tools", lambda: "pyosys 0.0")
    assert shared_digest(bench) != first


def test_a_missing_liberty_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--liberty", "nowhere.lib"]) == 2
    assert capsys.readouterr() == (
        "",
        "synth: nowhere.lib: no such cell library\n",
    )
