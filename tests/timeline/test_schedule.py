"""The schedule against the oracle's and the worked examples', and its sums against the counts."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given

from accelsim.config import machine_from_yaml
from accelsim.counts import COUNT_NAMES
from accelsim.energy import energy
from accelsim.engine import run_image
from accelsim.errors import AccelsimError
from accelsim.timeline import View, record_layer
from accelsim.timeline.layer_schedule import LayerSchedule
from accelsim.timeline.timeline_view import JOB_NAMES
from tests.engine.strategies import Case
from tests.oracles.per_cycle import Schedule, oracle_image
from tests.timeline.cases import (
    EXAMPLE_2,
    EXAMPLE_3,
    TECHNOLOGY,
    example_2,
    few,
    view_of,
    views,
)


def as_oracle(schedule: LayerSchedule) -> list[Schedule]:
    """The schedule as the oracle writes it, a core of a tile at a time, its blocks numbered from 0."""
    found: list[Schedule] = []
    for tile in schedule.tiles:
        for core in tile.cores:
            times: Schedule = {}
            for job, name in JOB_NAMES.items():
                pairs = zip(core.start[job].tolist(), core.end[job].tolist(), strict=True)
                times |= {(name, block): pair for block, pair in enumerate(pairs) if pair != (-1, -1)}
            found.append(times)
    return found


def test_example_2_by_hand() -> None:
    """docs/machine.md, section 8: the times of every job are written there."""
    schedule = record_layer(example_2(), machine_from_yaml(EXAMPLE_2))
    assert as_oracle(schedule) == [
        {
            ("fetch", 0): (0, 12),
            ("fetch", 1): (12, 18),
            ("approximate", 0): (12, 20),
            ("approximate", 1): (20, 28),
            ("select", 0): (23, 27),
            ("select", 1): (31, 33),
            ("write z~", 0): (23, 27),
            ("write z~", 1): (31, 33),
            ("precise", 0): (28, 32),
            ("precise", 1): (34, 38),
            ("write z", 0): (35, 39),
            ("write z", 1): (41, 43),
        }
    ]
    assert schedule.cycles == 43
    (core,) = schedule.tiles[0].cores
    assert core.released(schedule.selector_latency_cycles).tolist() == [39, 43]
    ready = core.ready(dense=False, selector_latency_cycles=1)
    assert {job: cycles.tolist() for job, cycles in ready.items()} == {
        "approximate": [12, 18],
        "precise": [28, 34],
    }


def test_example_3_waits_by_hand() -> None:
    schedule = record_layer(example_2(), machine_from_yaml(EXAMPLE_3))
    waits = [(wait.unit, wait.reason, wait.block, wait.start, wait.end) for wait in schedule.waits()]
    assert waits == [
        ("front end", "slot", 1, 12, 39),
        ("front end", "done", 1, 45, 68),
        ("MVU", "input", 0, 0, 12),
        ("MVU", "mask", 0, 20, 28),
        ("MVU", "input", 1, 32, 45),
        ("MVU", "mask", 1, 53, 59),
        ("MVU", "drain", 1, 63, 68),
    ]


@few
@given(views())
def test_every_job_is_when_the_oracle_has_it(drawn: tuple[Case, View]) -> None:
    case, view = drawn
    expected: list[Schedule] = []
    oracle_image(case.layers[:1], case.machine, case.image, expected)
    without_masks = [{key: times for key, times in core.items() if key[0] != "mask"} for core in expected]
    assert as_oracle(view.schedule) == without_masks


@few
@given(views())
def test_sums_are_the_counts(drawn: tuple[Case, View]) -> None:
    """Those of the other engine: busy cycles, idle cycles by reason, and every count job by job."""
    case, view = drawn
    (counts,) = run_image(case.layers[:1], case.machine, case.image, engine="compiled")
    assert view.schedule.counts == counts

    busy: Counter[str] = Counter()
    for each in view.slices:
        busy[each.unit] += each.end - each.start
    assert busy["front end"] == counts.front_busy_cycles
    assert busy["MVU"] == counts.mvu_busy_cycles
    assert busy["selector"] == counts.selector_busy_cycles
    assert busy["output port"] == counts.output_busy_cycles

    idle: Counter[tuple[str, str]] = Counter()
    for wait in view.waits:
        idle[wait.unit, wait.reason] += wait.end - wait.start
    assert idle == {
        key: cycles
        for key, cycles in {
            ("MVU", "input"): counts.mvu_idle_input_cycles,
            ("MVU", "mask"): counts.mvu_idle_select_cycles,
            ("MVU", "drain"): counts.mvu_idle_drain_cycles,
            ("front end", "slot"): counts.front_idle_slot_cycles,
            ("front end", "done"): counts.front_idle_done_cycles,
            **{(unit, "barrier"): counts.barrier_cycles for unit in ("MVU", "front end")},
            **{(unit, "DRAM"): counts.dram_cycles for unit in ("MVU", "front end")},
        }.items()
        if cycles
    }

    before = view.schedule.code_pass
    told: Counter[str] = Counter() if before is None else Counter(before.counts)
    for tile in view.schedule.tiles:
        for core in tile.cores:
            for of_job in core.counts.values():
                for name, values in of_job.items():
                    told[name] += int(values.sum())
    # The chip counts these, not a job.
    of_the_chip = {
        name for name in COUNT_NAMES if name.endswith(("core_cycles", "dram_cycles", "barrier_cycles"))
    }
    of_the_chip |= {name for name in COUNT_NAMES if "_idle_" in name} | {"dram_bits"}
    assert {name: told[name] for name in COUNT_NAMES if name not in of_the_chip} == {
        name: count for name, count in counts.as_dict().items() if name not in of_the_chip
    }


@few
@given(views())
def test_power_adds_up_to_the_energy(drawn: tuple[Case, View]) -> None:
    case, view = drawn
    expected = energy(view.schedule.counts, case.machine, TECHNOLOGY).by_group_pj()
    for group, pj in expected.items():
        assert float(view.power.cumulative_pj(group)[-1]) == pytest.approx(pj, rel=1e-9, abs=1e-12)
    without_leakage = sum(pj for group, pj in expected.items() if group not in ("leakage", "dram"))
    of_jobs = sum(each.energy_pj for each in view.slices) + view.code_pass_pj
    assert of_jobs == pytest.approx(without_leakage, rel=1e-9)
    assert view.power.cycles[0] == 0
    assert view.power.cycles[-1] == view.schedule.cycles
    assert all((mw >= 0).all() for mw in view.power.mw.values())


@few
@given(views())
def test_queues_are_what_a_count_by_cycle_says(drawn: tuple[Case, View]) -> None:
    """Cycle by cycle: who may start and has not, and who has begun a fetch and is not released."""
    _, view = drawn
    schedule = view.schedule
    latency = schedule.selector_latency_cycles
    for index in range(schedule.machine.cores):
        waiting, taken = [0] * (schedule.cycles + 1), [0] * (schedule.cycles + 1)
        for core in (tile.cores[index] for tile in schedule.tiles):
            for row in range(len(core.blocks)):
                for job, may_start in core.ready(schedule.dense, latency).items():
                    if core.start[job][row] >= 0:
                        for cycle in range(may_start[row], core.start[job][row]):
                            waiting[cycle] += 1
                for cycle in range(core.start["fetch"][row], core.released(latency)[row]):
                    taken[cycle] += 1
        for steps, expected in ((view.waiting_for_mvu(index), waiting), (view.slots_taken(index), taken)):
            shown = dict(zip(steps.cycles.tolist(), steps.values.tolist(), strict=True))
            value = shown[0]
            for cycle, there in enumerate(expected):
                value = shown.get(cycle, value)
                assert value == there
        assert max(taken) <= schedule.machine.sequencer.lookahead + 1


def test_an_image_that_is_not_there() -> None:
    with pytest.raises(AccelsimError, match="layer two: no image 1; it has 0 to 0"):
        record_layer(example_2(), machine_from_yaml(EXAMPLE_2), image=1)


def test_power_between_edges_keeps_the_energy() -> None:
    view = view_of(record_layer(example_2(), machine_from_yaml(EXAMPLE_2)))
    edges = view.power.cycles[[0, 3, 7, -1]]
    spent = sum(float((mw * (edges[1:] - edges[:-1])).sum()) for mw in view.power.mean_mw(edges).values())
    direct = sum(
        float((mw * (view.power.cycles[1:] - view.power.cycles[:-1])).sum()) for mw in view.power.mw.values()
    )
    assert spent == pytest.approx(direct, rel=1e-12)


def test_power_of_one_job_by_hand() -> None:
    """Cycles 0 to 11 of example 2: only fetch(0) runs, on one core at 500 MHz."""
    schedule = record_layer(example_2(), machine_from_yaml(EXAMPLE_2))
    view = view_of(schedule)
    (fetch,) = [each for each in view.slices if (each.job, each.block) == ("fetch", 0)]
    at = view.power.at(11)
    assert at["compute"] + at["sram"] + at["registers"] == pytest.approx(fetch.energy_pj / 12 * 0.5)
    leakage = energy(schedule.counts, schedule.machine, TECHNOLOGY).group_pj("leakage")
    assert at["leakage"] == pytest.approx(leakage / 43 * 0.5)
    assert view.power.at(43) == dict.fromkeys(at, 0.0)
