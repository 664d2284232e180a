"""Verilog of a block and the block under Verilator, against Amaranth's simulator and Python's integers."""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("amaranth", reason="the RTL needs the extra rtl")
pytest.importorskip("pyosys", reason="Verilog needs the extra rtl")

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from accelsim.errors import AccelsimError
from accelsim.rtl.blocks.once import written_once
from accelsim.rtl.blocks.psums import AccumulatorFile
from accelsim.rtl.emit import to_verilog
from accelsim.rtl.validation.random_cases import differences, random_cases
from accelsim.rtl.verilator.build import verilator_version
from accelsim.rtl.verilator.model import VerilatedModel
from accelsim.rtl.verilator.runner import VerilatorRunner
from tests.rtl.drive import stream

needs_verilator = pytest.mark.skipif(shutil.which("verilator") is None, reason="needs Verilator")
WORDS = 11


@written_once
class Unit(wiring.Component):
    """Adds the words of a memory that is loaded from outside, one a cycle after ``start``."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        super().__init__(
            {
                "load": In(1),
                "address": In(8),
                "word": In(bits),
                "start": In(1),
                "sum": Out(80),
                "done": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.words = words = memory.Memory(shape=self._bits, depth=WORDS, init=[])
        read, write = words.read_port(), words.write_port()
        count, running = Signal(range(WORDS + 2)), Signal()
        m.d.comb += [
            write.en.eq(self.load),
            write.addr.eq(self.address),
            write.data.eq(self.word),
            read.addr.eq(count),
            self.done.eq(count == WORDS + 1),
        ]
        with m.If(self.start):
            m.d.sync += running.eq(1)
        with m.If(running & ~self.done):
            m.d.sync += count.eq(count + 1)
            with m.If(count > 0):
                m.d.sync += self.sum.eq(self.sum + read.data)
        return m


class Summing(wiring.Component):
    """Two equal units and a third of wider words; names that C++ and Verilog spell otherwise."""

    def __init__(self) -> None:
        super().__init__(
            {
                "load_narrow": In(2),
                "load_wide": In(1),
                "address": In(8),
                "narrow__word": In(17),
                "wide_word": In(70),
                "start": In(1),
                "by": In(signed(5)),
                "sum": Out(signed(90)),
                "done": Out(1),
                "twice": Out(signed(6)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.a, m.submodules.b, m.submodules.c = units = Unit(17), Unit(17), Unit(70)
        loads = [*self.load_narrow, self.load_wide]
        words = [self.narrow__word, self.narrow__word, self.wide_word]
        for unit, load, word in zip(units, loads, words, strict=True):
            m.d.comb += [
                unit.load.eq(load),
                unit.address.eq(self.address),
                unit.word.eq(word),
                unit.start.eq(self.start),
            ]
        m.d.comb += [
            self.sum.eq(units[0].sum + units[1].sum - units[2].sum),
            self.done.eq(units[0].done),
            self.twice.eq(self.by * 2),
        ]
        return m


def test_equal_blocks_and_memories_are_written_once_and_without_zeroes() -> None:
    verilog = to_verilog(Summing(), "summing")
    modules = re.findall(r"^module (\S+?) ?\(", verilog, re.MULTILINE)
    assert sorted(modules) == ["Unit_0", "Unit_1", "memory_0", "memory_1", "summing"]
    assert verilog.count("reg [16:0] words [0:10];") == 1
    assert "initial" not in verilog


@needs_verilator
@pytest.mark.slow
def test_ports_loads_and_clock_are_reached_and_the_model_is_kept(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    narrow = rng.integers(0, 2**17, WORDS).astype("<u4")
    wide = [int(x) << 40 | 5 for x in rng.integers(0, 2**30, WORDS)]
    wide_lines = np.frombuffer(b"".join(word.to_bytes(9, "little") for word in wide), np.uint8).reshape(-1, 9)
    built: list[str] = []
    for _ in range(2):
        with VerilatedModel(Summing(), "summing", tmp_path, lambda: built.append("once")) as model:
            model.set("load_wide", 0)
            model.load("load_wide", "address", "wide_word", wide_lines)
            model.load("load_narrow", "address", "narrow__word", narrow.view(np.uint8).reshape(-1, 4))
            model.set("by", -7)
            model.settle()
            assert model.get("twice") == -14
            assert model.run(20, until="done") == 20  # not started
            model.set("start", 1)
            assert model.run(1000, until="done") == WORDS + 2
            assert model.get("sum") == int(narrow.sum()) - sum(wide)
            assert model.run(5) == 5
    assert built == ["once"]


@needs_verilator
@pytest.mark.slow
def test_both_simulators_agree_cycle_by_cycle(tmp_path: Path) -> None:
    rng = random.Random(5)
    inputs = [
        {
            "valid": rng.randint(0, 1),
            "index": cycle % 4,
            "first": int(rng.random() < 0.2),
            "value": rng.randint(-(2**33), 2**33 - 1),
        }
        for cycle in range(300)
    ]
    expected = [row[0] for row in stream(AccumulatorFile(4, 3, 34), inputs, ["sum"], latency=0)]
    seen = []
    with VerilatedModel(AccumulatorFile(4, 3, 34), "psums", tmp_path) as model:
        for cycle in inputs:
            for name, value in cycle.items():
                model.set(name, value)
            model.settle()
            seen.append(model.get("sum"))
            model.run(1)
    assert seen == expected


@needs_verilator
@pytest.mark.slow
def test_the_chip_agrees_with_engines_and_reference(tmp_path: Path) -> None:
    cases = random_cases(seed=2, layers=4)  # N:M
    with VerilatorRunner(cases.shape, tmp_path) as runner:
        for layer in cases.layers:
            found, counts = differences(layer, cases.shape, runner)
            assert not found
            assert counts.core_cycles > 0
    with (
        VerilatorRunner(cases.shape, tmp_path, cycle_limit=3) as runner,
        pytest.raises(AccelsimError, match="within 3 cycles"),
    ):
        differences(cases.layers[0], cases.shape, runner)


def test_a_missing_verilator_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(AccelsimError, match="apt-get install verilator") as told:
        verilator_version()
    assert "\n" not in str(told.value)
