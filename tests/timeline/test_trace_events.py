"""The trace events, read back by a reader of their format."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given

from accelsim.config import machine_from_yaml
from accelsim.energy import energy
from accelsim.timeline import View, record_layer, write_trace_events
from tests.engine.strategies import Case
from tests.timeline.cases import (
    EXAMPLE_1,
    EXAMPLE_2,
    TECHNOLOGY,
    example_1,
    example_2,
    few,
    view_of,
    views,
)
from tests.timeline.trace_event_format import TraceEvents, read


def written(view: View, path: Path) -> TraceEvents:
    write_trace_events(view, path, {})
    return read(path)


@few
@given(views())
def test_busy_cycles_and_energy_of_the_file_are_those_of_the_run(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[Case, View]
) -> None:
    case, view = drawn
    counts = view.schedule.counts
    found = written(view, tmp_path_factory.mktemp("trace") / "x.json")
    busy: Counter[str] = Counter()
    mvu: Counter[str] = Counter()
    for (_, unit), slices in found.slices.items():
        for each in slices:
            if each["cat"] == "job":
                busy[unit] += each["dur"]
            if unit == "MVU":
                mvu += Counter({key: value for key, value in each["args"].items() if key.endswith("_cycles")})
    assert [busy[unit] for unit in ("front end", "MVU", "selector", "output port")] == [
        counts.front_busy_cycles,
        counts.mvu_busy_cycles,
        counts.selector_busy_cycles,
        counts.output_busy_cycles,
    ]
    assert sum(mvu.values()) == counts.mvu_busy_cycles
    assert mvu["precise_bubble_cycles"] == counts.precise_bubble_cycles

    # The curve holds each value until the next: its area is the energy.
    groups = energy(counts, case.machine, TECHNOLOGY).by_group_pj()
    for group, pj in groups.items():
        curves = [points for (_, name, series), points in found.counters.items() if series == group]
        area = sum(
            mw * (later - now) / case.machine.clock_mhz * 1000
            for points in curves
            for (now, mw), (later, _) in pairwise(points)
        )
        assert area == pytest.approx(pj, rel=1e-7)
    assert all(points[-1][1] == 0 for (_, name, _), points in found.counters.items() if name == "power, mW")


@few
@given(views())
def test_every_precise_job_has_an_arrow_from_its_approximation(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[Case, View]
) -> None:
    _, view = drawn
    found = written(view, tmp_path_factory.mktemp("trace") / "x.json")
    precise = {each.block for each in view.slices if each.job == "precise" and not view.schedule.dense}
    assert {number for _, _, number in found.arrows} == precise
    for (_, _, number), slices in found.arrows.items():
        assert [each["name"] for each in slices] == ["approximate", "select", "precise"]
        assert {each["args"]["block"] for each in slices} == {number}


def test_example_1_as_it_is_in_the_file(tmp_path: Path) -> None:
    """docs/machine.md, section 8: fetch, precise and write of two blocks, and nothing else."""
    view = view_of(record_layer(example_1(), machine_from_yaml(EXAMPLE_1)))
    found = written(view, tmp_path / "x.json")
    jobs = {
        unit: [
            (each["name"], each["ts"], each["ts"] + each["dur"], each["args"].get("block")) for each in slices
        ]
        for (process, unit), slices in found.slices.items()
        if process == "core 0"
    }
    assert jobs == {
        "front end": [("fetch", 0, 6, 0), ("fetch", 6, 9, 1), ("idle: done", 9, 29, None)],
        "MVU": [
            ("idle: input", 0, 6, None),
            ("precise", 6, 18, 0),
            ("precise", 18, 24, 1),
            ("idle: drain", 24, 29, None),
        ],
        "output port": [("write z", 21, 25, 0), ("write z", 27, 29, 1)],
    }
    assert found.counters["core 0", "waiting for the MVU", "jobs"] == [(0, 0), (9, 1), (18, 0)]
    assert found.counters["core 0", "slots taken", "blocks"] == [(0, 1), (6, 2), (25, 1), (29, 0)]
    other = found.data["otherData"]
    assert other["time_unit"] == "1 us in this file is 1 cycle, 2 ns at 500 MHz"
    assert (other["layer"], other["layer_cycles"], other["blocks"]) == ("one", 29, "0..1")


def test_some_blocks(tmp_path: Path) -> None:
    """Only block 1's jobs, but counters of all blocks, from the first of these jobs to the last."""
    view = view_of(record_layer(example_2(), machine_from_yaml(EXAMPLE_2)), range(1, 2))
    found = written(view, tmp_path / "x.json")
    jobs = [each for slices in found.slices.values() for each in slices if each["cat"] == "job"]
    assert {each["args"]["block"] for each in jobs} == {1}
    assert len(jobs) == 6
    assert view.window == (12, 43)
    # Cycle 12: block 1 is fetched, block 0 is approximated at once; precise(0) waits for nobody at 28.
    assert found.counters["core 0", "waiting for the MVU", "jobs"] == [(12, 0), (18, 1), (20, 0)]
    assert found.counters["core 0", "slots taken", "blocks"] == [(12, 2), (39, 1), (43, 0)]


def test_one_event_a_line_and_strict_json(tmp_path: Path) -> None:
    view = view_of(record_layer(example_2(), machine_from_yaml(EXAMPLE_2)))
    write_trace_events(view, tmp_path / "x.json", {"scheme": "nm-1of2"})
    lines = (tmp_path / "x.json").read_text().splitlines()
    data = json.loads("\n".join(lines))
    assert data["otherData"]["scheme"] == "nm-1of2"
    assert sum('"ph":"X"' in line for line in lines) == sum(each["ph"] == "X" for each in data["traceEvents"])
