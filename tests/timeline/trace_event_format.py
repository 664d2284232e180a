"""A reader of Chrome trace event files, strict where the published format is, that knows nothing of accelsim.

Written from the format's description ("Trace Event Format", Google): the JSON object format, and of its events the
complete (X), metadata (M), counter (C) and flow (s, t, f) ones. Anything else is an error here.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

_METADATA = {
    "process_name": ("name", str),
    "process_labels": ("labels", str),
    "process_sort_index": ("sort_index", int),
    "thread_name": ("name", str),
    "thread_sort_index": ("sort_index", int),
}
_KEYS = {
    "X": ({"name", "cat", "ph", "ts", "dur", "pid", "tid"}, {"args", "tdur", "cname"}),
    "M": ({"name", "ph", "pid", "tid", "args"}, {"cat", "ts"}),
    "C": ({"name", "ph", "ts", "pid", "args"}, {"cat", "id", "tid"}),
    "s": ({"name", "cat", "ph", "ts", "pid", "tid", "id"}, {"args"}),
    "t": ({"name", "cat", "ph", "ts", "pid", "tid", "id"}, {"args", "bp"}),
    "f": ({"name", "cat", "ph", "ts", "pid", "tid", "id"}, {"args", "bp"}),
}
"""By phase, the keys that an event must and may have."""

Track = tuple[str, str]
"""Names of a process and a thread."""


@dataclass
class TraceEvents:
    """slices: by track, the X events in order of time. arrows: the slices that each flow passes, in its order.

    counters: by (process, counter, series) the (time, value) pairs in order of time.
    """

    data: dict[str, Any]
    slices: dict[Track, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    arrows: dict[Any, list[dict[str, Any]]] = field(default_factory=dict)
    counters: dict[tuple[str, str, str], list[tuple[float, float]]] = field(
        default_factory=lambda: defaultdict(list)
    )


def read(path: Path) -> TraceEvents:
    """Read and check a file. Raises AssertionError or KeyError for anything that the format does not have."""
    data = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    assert isinstance(data, dict)
    assert data.get("displayTimeUnit", "ms") in ("ms", "ns")
    events = data["traceEvents"]
    assert isinstance(events, list)
    for event in events:
        _check_keys(event)
    found = TraceEvents(data)
    names = _names(events)
    for event in sorted((each for each in events if each["ph"] == "X"), key=lambda each: each["ts"]):
        found.slices[names[event["pid"], None], names[event["pid"], event["tid"]]].append(event)
    for slices in found.slices.values():
        for before, after in pairwise(slices):
            assert before["ts"] + before["dur"] <= after["ts"], "slices of a track overlap"
    for event in events:
        if event["ph"] == "C":
            for series, value in event["args"].items():
                key = (names[event["pid"], None], event["name"], series)
                if found.counters[key]:
                    assert found.counters[key][-1][0] < event["ts"], "a counter goes back in time"
                found.counters[key].append((event["ts"], value))
    _bind_flows(events, found, names)
    return found


def _no_constant(text: str) -> None:
    raise AssertionError(f"{text} is not JSON")


def _check_keys(event: dict[str, Any]) -> None:
    must, may = _KEYS[event["ph"]]
    assert must <= set(event) <= must | may, event
    for key in ("pid", "tid"):
        assert type(event.get(key, 0)) is int
    for key in ("name", "cat"):
        assert type(event.get(key, "")) is str
    for key in ("ts", "dur"):
        assert type(event.get(key, 0)) in (int, float)
        assert event.get(key, 0) >= 0
    assert type(event.get("args", {})) is dict
    if event["ph"] == "C":
        assert event["args"]
        assert all(type(value) in (int, float) for value in event["args"].values())
    if event["ph"] == "M":
        key, kind = _METADATA[event["name"]]
        assert type(event["args"][key]) is kind
    assert event.get("bp", "e") == "e"


def _names(events: list[dict[str, Any]]) -> dict[tuple[int, int | None], str]:
    names: dict[tuple[int, int | None], str] = {}
    for event in events:
        if event["ph"] == "M" and event["name"].endswith("_name"):
            key = (event["pid"], event["tid"] if event["name"] == "thread_name" else None)
            assert key not in names, "a track is named twice"
            names[key] = event["args"]["name"]
    return names


def _bind_flows(
    events: list[dict[str, Any]], found: TraceEvents, names: dict[tuple[int, int | None], str]
) -> None:
    flows: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        if event["ph"] in "stf":
            flows[event["cat"], event["name"], event["id"]].append(event)
    for key, flow in flows.items():
        flow.sort(key=lambda event: event["ts"])
        assert [event["ph"] for event in flow] == ["s", *"t" * (len(flow) - 2), "f"], (
            "a flow is not s, t ..., f"
        )
        found.arrows[key] = []
        for event in flow:
            assert event["ph"] == "s" or event["bp"] == "e", "only enclosing slices are looked for"
            track = found.slices[names[event["pid"], None], names[event["pid"], event["tid"]]]
            (around,) = [each for each in track if each["ts"] <= event["ts"] < each["ts"] + each["dur"]]
            found.arrows[key].append(around)
