"""Verilog of a block and the block under Verilator, against Amaranth's simulator and Python's integers."""

from __future__ import annotations

import random
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
from rtl.blocks.psums import AccumulatorFile
from rtl.emit import to_rtlil, to_verilog
from rtl.verilator.build import verilator_version
from rtl.verilator.model import VerilatedModel
from tests.rtl.drive import stream

needs_verilator = pytest.mark.skipif(shutil.which("verilator") is None, reason="needs Verilator")
WORDS = 11


class Unit(wiring.Component):
    """Adds the words of a memory, one a cycle."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        super().__init__({"sum": Out(80), "done": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.words = words = memory.Memory(shape=self._bits, depth=WORDS, init=[])
        read = words.read_port()
        count = Signal(range(WORDS + 2))
        m.d.comb += [read.addr.eq(count), self.done.eq(count == WORDS + 1)]
        with m.If(~self.done):
            m.d.sync += count.eq(count + 1)
            with m.If(count > 0):
                m.d.sync += self.sum.eq(self.sum + read.data)
        return m


class Summing(wiring.Component):
    """Two equal units and a third of wider words."""

    def __init__(self) -> None:
        super().__init__(
            {"by__two": In(signed(5)), "sum": Out(signed(90)), "done": Out(1), "twice": Out(signed(6))}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.a, m.submodules.b, m.submodules.c = units = Unit(17), Unit(17), Unit(70)
        m.d.comb += [
            self.sum.eq(units[0].sum - units[1].sum - units[2].sum),
            self.done.eq(units[0].done & units[1].done),
            self.twice.eq(self.by__two * 2),
        ]
        return m


def test_equal_modules_are_written_once() -> None:
    modules = [line for line in to_rtlil(Summing(), "summing").splitlines() if line.startswith("module")]
    assert modules == ["module \\summing", "module \\summing.a", "module \\summing.c"]


def test_verilog_of_a_block_has_its_ports_and_no_list_of_zeroes() -> None:
    verilog = to_verilog(Summing(), "summing")
    assert "module summing(" in verilog
    assert verilog.count("reg [16:0] words [10:0];") == 1
    assert "initial begin" not in verilog


@needs_verilator
@pytest.mark.slow
def test_memories_ports_and_clock_are_reached_and_the_model_is_kept(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    a, b = rng.integers(0, 2**17, (2, WORDS))
    c = [int(x) << 40 | 5 for x in rng.integers(0, 2**30, WORDS)]
    sizes = {"a.words": (WORDS, 17), "b.words": (WORDS, 17), "c.words": (WORDS, 70)}
    built: list[str] = []
    for _ in range(2):
        with VerilatedModel(Summing(), "summing", sizes, tmp_path, lambda: built.append("once")) as model:
            model.memory("a.words")[:] = a
            model.memory("b.words")[:] = b
            for i, word in enumerate(c):
                model.memory("c.words")[i] = [word >> (32 * part) & 0xFFFFFFFF for part in range(3)]
            model.set("by__two", -7)
            model.settle()
            assert model.get("twice") == -14
            assert model.run(1000, until="done") == WORDS + 1
            assert model.get("sum") == int(a.sum()) - int(b.sum()) - sum(c)
            assert model.run(5) == 5
    assert built == ["once"]
    with pytest.raises(AccelsimError, match=r"no memory a\.nothing"):
        VerilatedModel(Summing(), "summing", {"a.nothing": (1, 1)}, tmp_path)


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
    with VerilatedModel(AccumulatorFile(4, 3, 34), "psums", folder=tmp_path) as model:
        for cycle in inputs:
            for name, value in cycle.items():
                model.set(name, value)
            model.settle()
            seen.append(model.get("sum"))
            model.run(1)
    assert seen == expected


def test_a_missing_verilator_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(AccelsimError, match="apt-get install verilator") as told:
        verilator_version()
    assert "\n" not in str(told.value)
