"""The waveforms, which pyvcd writes, read back by a reader of the test's own."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given

from accelsim.config import machine_from_yaml
from accelsim.energy import energy
from accelsim.timeline import View, record_layer, write_vcd
from tests.engine.strategies import Case
from tests.timeline.cases import EXAMPLE_2, TECHNOLOGY, example_2, few, view_of, views

Wave = list[tuple[int, int | float | str]]


def read(path: Path) -> tuple[dict[str, Wave], int]:
    """Read a value change dump by the grammar of IEEE 1364-2005, 18.2: words between white space.

    Returns:
        By ``scope.name``, (time, value) pairs; and the last time of the file.
    """
    words = iter(path.read_text(encoding="ascii").split())
    names: dict[str, str] = {}
    bits: dict[str, int] = {}
    scopes: list[str] = []
    for word in words:
        content = list(iter(words.__next__, "$end"))
        match word:
            case "$scope":
                assert content[0] == "module"
                scopes.append(content[1])
            case "$upscope":
                scopes.pop()
            case "$var":
                kind, size, code, name = content[:4]
                assert code not in names
                assert content[4:] == ([f"[{int(size) - 1}:0]"] if kind == "wire" and size != "1" else [])
                names[code], bits[code] = ".".join((*scopes, name)), int(size)
            case "$timescale":
                assert content == ["1", "ns"]
            case "$enddefinitions":
                break
            case _:
                assert word in ("$comment", "$version")
    assert scopes == []

    waves: dict[str, Wave] = defaultdict(list)
    now = -1
    for word in words:
        if word.startswith("#"):
            assert int(word[1:]) > now
            now = int(word[1:])
        elif word.startswith("b"):
            code = next(words)
            assert len(word) - 1 <= bits[code]
            waves[names[code]].append((now, "x" if word == "bx" else int(word[1:], 2)))
        elif word.startswith("r"):
            waves[names[next(words)]].append((now, float(word[1:])))
        elif word[0] in "01":
            assert bits[word[1:]] == 1
            waves[names[word[1:]]].append((now, int(word[0])))
        else:
            assert word in ("$dumpvars", "$end")
    assert set(waves) == set(names.values()), "a variable has no value at the start"
    for name, wave in waves.items():
        assert all(before[1] != after[1] for before, after in pairwise(wave)), name
    return waves, now


def area(wave: Wave, end: int) -> float:
    """Value times time."""
    times = [time for time, _ in wave[1:]] + [end]
    return sum(float(value) * (later - now) for (now, value), later in zip(wave, times, strict=True))


@few
@given(views())
def test_busy_cycles_and_energy_of_the_file_are_those_of_the_run(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[Case, View]
) -> None:
    case, view = drawn
    counts = view.schedule.counts
    path = tmp_path_factory.mktemp("wave") / "x.vcd"
    write_vcd(view, path)
    waves, end = read(path)
    assert end == view.schedule.cycles

    def cycles(*names: str) -> float:
        return sum(
            area(waves[f"core{core}.{name}"], end) for core in range(case.machine.cores) for name in names
        )

    assert cycles("front_end_busy") == counts.front_busy_cycles
    approximate = (
        counts.approximate_issue_cycles
        + counts.approximate_port_stall_cycles
        + counts.approximate_bubble_cycles
    )
    assert cycles("mvu_approximate") == approximate
    assert cycles("mvu_precise") == counts.mvu_busy_cycles - approximate
    assert cycles("selector_busy") == counts.selector_busy_cycles
    assert cycles("output_port_write_noise", "output_port_write") == counts.output_busy_cycles
    for group, pj in energy(counts, case.machine, TECHNOLOGY).by_group_pj().items():
        assert area(waves[f"power_mw.{group}"], end) * 1000 / case.machine.clock_mhz == pytest.approx(
            pj, rel=1e-7
        )


def test_example_2_by_hand(tmp_path: Path) -> None:
    """docs/machine.md, section 8."""
    view = view_of(record_layer(example_2(), machine_from_yaml(EXAMPLE_2)))
    write_vcd(view, tmp_path / "x.vcd", ["costs $5", "\u00b5"])
    head = (tmp_path / "x.vcd").read_text(encoding="ascii").partition("$enddefinitions")[0]
    assert "not 1 ns" in head and "costs ?5" in head
    waves, end = read(tmp_path / "x.vcd")
    assert end == 43
    assert waves["core0.mvu_approximate"] == [(0, 0), (12, 1), (28, 0)]
    assert waves["core0.mvu_precise"] == [(0, 0), (28, 1), (32, 0), (34, 1), (38, 0)]
    assert waves["core0.mvu_block"] == [
        (0, "x"), (12, 0), (20, 1), (28, 0), (32, "x"), (34, 1), (38, "x"),
    ]  # fmt: skip
    assert waves["core0.front_end_block"] == [(0, 0), (12, 1), (18, "x")]
    assert waves["core0.output_port_write_noise"] == [(0, 0), (23, 1), (27, 0), (31, 1), (33, 0)]
    assert waves["core0.output_port_write"] == [(0, 0), (35, 1), (39, 0), (41, 1), (43, 0)]
    assert waves["core0.slots_taken"] == [(0, 1), (12, 2), (39, 1), (43, 0)]
    assert waves["core0.mvu_waiting_jobs"] == [(0, 0), (18, 1), (20, 0)]


def test_some_blocks_begin_where_they_begin(tmp_path: Path) -> None:
    view = view_of(record_layer(example_2(), machine_from_yaml(EXAMPLE_2)), range(1, 2))
    write_vcd(view, tmp_path / "x.vcd")
    waves, end = read(tmp_path / "x.vcd")
    assert {wave[0][0] for wave in waves.values()} == {12}
    assert waves["core0.mvu_block"] == [(12, "x"), (20, 1), (28, "x"), (34, 1), (38, "x")]
    assert end == 43
