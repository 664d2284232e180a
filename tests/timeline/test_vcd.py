"""The waveforms, read back by pyvcd's reader."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from vcd.reader import TokenKind, tokenize

from accelsim.config import machine_from_yaml
from accelsim.energy import energy
from accelsim.timeline import View, record_layer, write_vcd
from tests.engine.strategies import Case
from tests.timeline.cases import EXAMPLE_2, TECHNOLOGY, example_2, few, view_of, views

Wave = list[tuple[int, int | float | str]]


def read(path: Path) -> tuple[dict[str, Wave], int]:
    """By ``scope.name``, (time, value) pairs; and the last time of the file."""
    names: dict[str, str] = {}
    waves: dict[str, Wave] = defaultdict(list)
    scope, now = "", 0
    with path.open("rb") as file:
        for token in tokenize(file):
            if token.kind is TokenKind.SCOPE:
                scope = token.scope.ident
            elif token.kind is TokenKind.VAR:
                assert token.var.id_code not in names
                names[token.var.id_code] = f"{scope}.{token.var.reference}"
            elif token.kind is TokenKind.CHANGE_TIME:
                assert token.time_change >= now
                now = token.time_change
            elif token.kind is TokenKind.CHANGE_SCALAR:
                waves[names[token.scalar_change.id_code]].append((now, int(token.scalar_change.value)))
            elif token.kind is TokenKind.CHANGE_VECTOR:
                waves[names[token.vector_change.id_code]].append((now, token.vector_change.value))
            elif token.kind is TokenKind.CHANGE_REAL:
                waves[names[token.real_change.id_code]].append((now, token.real_change.value))
    assert set(waves) == set(names.values()), "a variable has no value at the start"
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
