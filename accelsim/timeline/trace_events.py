"""A view as Chrome trace events in JSON, which Perfetto and chrome://tracing open.

One unit of ``ts`` and ``dur`` is one cycle, so that all times are whole numbers and no two slices of a unit overlap.
The format's unit is the microsecond: the viewers show a cycle as 1 us.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from accelsim.energy.energy_terms import GROUPS
from accelsim.files import replaced
from accelsim.timeline.layer_schedule import UNITS, Wait
from accelsim.timeline.timeline_view import JOB_NAMES, Slice, View

Event = dict[str, Any]

CHIP = 1
"""The process of what all cores share. Not 0, which viewers take for the system's idle process."""
TILES, LOADS = 1, 2


def process_of(core: int) -> int:
    """The process of a core."""
    return CHIP + 1 + core


def thread_of(process: int, place: int) -> int:
    """The thread of the track at a place from 1 in a process; no two processes have one in common."""
    return 10 * process + place


PLACES = {unit: place for place, unit in enumerate(UNITS, start=1)}

JOB, WAIT, FLOW, TILE, LOAD, PASS = "job", "wait", "block", "tile", "load", "code pass"
"""Categories of events."""


def write_trace_events(view: View, path: Path, provenance: dict[str, Any]) -> None:
    """Write a view as a JSON object, one event a line. provenance: goes into ``otherData``."""
    schedule = view.schedule
    clock = schedule.machine.clock_mhz
    first, end = view.window
    other = provenance | {
        "time_unit": f"1 us in this file is 1 cycle, {1000 / clock:.12g} ns at {clock} MHz",
        "clock_mhz": clock,
        "layer": schedule.layer,
        "layer_cycles": schedule.cycles,
        "blocks": f"{view.blocks.start}..{view.blocks.stop - 1}",
        "window_cycles": f"{first}..{end - 1}",
    }
    head = json.dumps({"displayTimeUnit": "ms", "otherData": other}, indent=1)
    with replaced(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(head.removesuffix("\n}") + ',\n "traceEvents": [\n')
        for number, event in enumerate(trace_events(view)):
            file.write(("" if number == 0 else ",\n") + json.dumps(event, separators=(",", ":")))
        file.write("\n]}\n")


def trace_events(view: View) -> Iterator[Event]:
    """Names of the tracks, then all else in the order of time."""
    yield from _names(view)
    timed = chain(_tiles(view), _jobs(view), _waits(view), _flows(view), _counters(view))
    yield from sorted(timed, key=lambda event: int(event["ts"]))


def _names(view: View) -> Iterator[Event]:
    def name(what: str, process: int, place: int, **args: Any) -> Event:
        return {"ph": "M", "name": what, "pid": process, "tid": thread_of(process, place), "args": args}

    clock = view.schedule.machine.clock_mhz
    yield name(
        "process_name", CHIP, TILES, name=f"{view.schedule.machine.name} (1 us = 1 cycle at {clock} MHz)"
    )
    yield name("process_sort_index", CHIP, TILES, sort_index=CHIP)
    yield name("thread_name", CHIP, TILES, name="tiles")
    if view.schedule.machine.dram is not None:
        yield name("thread_name", CHIP, LOADS, name="DRAM channel")
    for core in range(view.schedule.machine.cores):
        process = process_of(core)
        yield name("process_name", process, 1, name=f"core {core}")
        yield name("process_sort_index", process, 1, sort_index=process)
        for unit, place in PLACES.items():
            yield name("thread_name", process, place, name=unit)
            yield name("thread_sort_index", process, place, sort_index=place)


def _slice(category: str, name: str, process: int, place: int, start: int, end: int, **args: Any) -> Event:
    return {
        "ph": "X",
        "cat": category,
        "name": name,
        "pid": process,
        "tid": thread_of(process, place),
        "ts": start,
        "dur": end - start,
        "args": args,
    }


def _tiles(view: View) -> Iterator[Event]:
    per_tile = view.schedule.blocks_per_tile
    made = view.schedule.code_pass
    if made is not None and view.blocks.start == 0:
        for core in range(view.schedule.machine.cores):
            process = process_of(core)
            yield _slice(
                PASS,
                "code pass",
                process,
                PLACES["front end"],
                made.start,
                made.end,
                energy_pj=_short(view.code_pass_pj / view.schedule.machine.cores),
            )
    for number in range(view.blocks.start // per_tile, (view.blocks.stop - 1) // per_tile + 1):
        tile = view.schedule.tiles[number]
        yield _slice(TILE, f"tile {number}", CHIP, TILES, tile.start, tile.end, tile=number)
        if tile.loaded is not None:
            start, end = tile.loaded
            yield _slice(LOAD, f"load tile {number}", CHIP, LOADS, start, end, bits=tile.load_bits)


_SHOWN_COUNTS = {
    "approximate": (
        "approximate_issue_cycles",
        "approximate_port_stall_cycles",
        "approximate_bubble_cycles",
    ),
    "precise": (
        "precise_issue_cycles",
        "precise_port_stall_cycles",
        "precise_bubble_cycles",
        "essential_neurons",
    ),
}


def _jobs(view: View) -> Iterator[Event]:
    for each in view.slices:
        counts = view.schedule.tiles[each.tile].cores[each.core].counts[each.job]
        shown = {name: int(counts[name][each.row]) for name in _SHOWN_COUNTS.get(each.job, ())}
        yield _slice(
            JOB,
            JOB_NAMES[each.job],
            process_of(each.core),
            PLACES[each.unit],
            each.start,
            each.end,
            block=each.block,
            tile=each.tile,
            energy_pj=_short(each.energy_pj),
            **shown,
        )


def _waits(view: View) -> Iterator[Event]:
    def event(wait: Wait) -> Event:
        name, process, place = f"idle: {wait.reason}", process_of(wait.core), PLACES[wait.unit]
        return _slice(WAIT, name, process, place, wait.start, wait.end, tile=wait.tile)

    return (event(wait) for wait in view.waits)


def _flows(view: View) -> Iterator[Event]:
    """Arrows from the approximation of a block over its selection to its precise work."""
    precise = {each.block for each in view.slices if each.job == "precise"}
    phases = {"approximate": "s", "select": "t", "precise": "f"}
    for each in view.slices:
        if each.job in phases and each.block in precise and not view.schedule.dense:
            yield _flow(phases[each.job], each)


def _flow(phase: str, each: Slice) -> Event:
    # An arrow is tied to the slice that encloses its time; the last cycle of a job is within it, its end is not.
    return {
        "ph": phase,
        "cat": FLOW,
        "name": "block",
        "id": each.block,
        "pid": process_of(each.core),
        "tid": thread_of(process_of(each.core), PLACES[each.unit]),
        "ts": each.end - 1 if phase == "s" else each.start,
        **({} if phase == "s" else {"bp": "e"}),
    }


def _counters(view: View) -> Iterator[Event]:
    def counter(process: int, name: str, cycle: int, **values: float) -> Event:
        thread = thread_of(process, 1)
        return {"ph": "C", "name": name, "pid": process, "tid": thread, "ts": cycle, "args": values}

    for core in range(view.schedule.machine.cores):
        for name, what, steps in (
            ("waiting for the MVU", "jobs", view.waiting_for_mvu(core)),
            ("slots taken", "blocks", view.slots_taken(core)),
        ):
            for cycle, value in zip(steps.cycles.tolist(), steps.values.tolist(), strict=True):
                yield counter(process_of(core), name, cycle, **{what: value})
    groups = [group for group in GROUPS if view.power.mw[group].any()]
    for cycle, mw in view.power_steps():
        yield counter(CHIP, "power, mW", cycle, **{group: _short(mw[group]) for group in groups})


def _short(value: float) -> float:
    """Nine digits: enough to add up, and half the file."""
    return float(f"{value:.9g}")
