"""A view as a value change dump (IEEE 1364), for GTKWave and other waveform viewers.

One unit of time is one cycle. The format knows no cycles, only powers of ten of a second: the file says 1 ns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Literal

from accelsim.energy.energy_terms import GROUPS
from accelsim.files import replaced
from accelsim.timeline.layer_schedule import UNITS, Unit
from accelsim.timeline.timeline_view import Slice, View

Change = tuple[int, str]
"""A cycle, and the value from then on as the file has it, less the identifier."""

BLOCK_BITS = 32

_SIGNALS: dict[Unit, str] = {
    "front end": "front_end",
    "MVU": "mvu",
    "selector": "selector",
    "output port": "output_port",
}


@dataclass(frozen=True)
class Signal:
    """A variable of the file. ``changes`` are by cycle and begin with the value at the start of the window."""

    scope: str
    name: str
    kind: Literal["wire", "real"]
    bits: int
    changes: list[Change] = field(repr=False)


def write_vcd(view: View, path: Path, comments: Iterable[str] = ()) -> None:
    """Write a view. Of every unit: ``*_busy``, one wire for each kind of job, and ``*_block``, x where it is idle."""
    clock = view.schedule.machine.clock_mhz
    first, end = view.window
    notes = [f"one time unit is one cycle, {1000 / clock:.12g} ns at {clock} MHz, not 1 ns", *comments]
    signals = list(zip(_identifiers(), _signals(view), strict=False))
    with replaced(path) as temporary, temporary.open("w", encoding="ascii") as file:
        file.write("$version accelsim timeline $end\n")
        for note in notes:
            file.write(f"$comment {note.encode('ascii', 'replace').decode().replace('$', '?')} $end\n")
        file.write("$timescale 1 ns $end\n")
        scope = ""
        for identifier, signal in signals:
            if signal.scope != scope:
                file.write(("$upscope $end\n" if scope else "") + f"$scope module {signal.scope} $end\n")
                scope = signal.scope
            suffix = f" [{signal.bits - 1}:0]" if signal.kind == "wire" and signal.bits > 1 else ""
            file.write(f"$var {signal.kind} {signal.bits} {identifier} {signal.name}{suffix} $end\n")
        file.write("$upscope $end\n$enddefinitions $end\n")

        changes: dict[int, list[str]] = {}
        for identifier, signal in signals:
            before = None
            for cycle, value in signal.changes:
                if value != before:
                    changes.setdefault(cycle, []).append(value + identifier)
                before = value
        initial = changes.pop(first, [])
        file.write(f"#{first}\n$dumpvars\n" + "\n".join(initial) + "\n$end\n")
        for cycle in sorted(changes):
            file.write(f"#{cycle}\n" + "\n".join(changes[cycle]) + "\n")
        if end not in changes:
            file.write(f"#{end}\n")


def _identifiers() -> Iterator[str]:
    """Short codes of printable characters, as the format wants them."""
    for number in count():
        code, rest = "", number
        while True:
            rest, digit = divmod(rest, 94)
            code += chr(33 + digit)
            if rest == 0:
                break
            rest -= 1
        yield code


def _signals(view: View) -> Iterator[Signal]:
    low, _ = view.window
    served: dict[tuple[int, Unit], list[Slice]] = defaultdict(list)
    for each in view.slices:
        served[each.core, each.unit].append(each)
    for core in range(view.schedule.machine.cores):
        scope = f"core{core}"
        for unit, jobs in UNITS.items():
            slices = served[core, unit]
            blocks: list[tuple[int, int, str]] = [
                (each.start, each.end, _vector(each.block, BLOCK_BITS)) for each in slices
            ]
            for job in jobs:
                name = f"{_SIGNALS[unit]}_busy" if len(jobs) == 1 else f"{_SIGNALS[unit]}_{job}"
                busy = [(each.start, each.end, "1") for each in slices if each.job == job]
                yield Signal(scope, name, "wire", 1, _levels(busy, low, "0"))
            yield Signal(scope, f"{_SIGNALS[unit]}_block", "wire", BLOCK_BITS, _levels(blocks, low, "bx "))
        for name, steps in (
            ("mvu_waiting_jobs", view.waiting_for_mvu(core)),
            ("slots_taken", view.slots_taken(core)),
        ):
            values = zip(steps.cycles.tolist(), steps.values.tolist(), strict=True)
            yield Signal(scope, name, "wire", 16, [(cycle, _vector(value, 16)) for cycle, value in values])
    steps_mw = list(view.power_steps())
    for group in GROUPS:
        changes = [(cycle, f"r{mw[group]:.9g} ") for cycle, mw in steps_mw]
        yield Signal("power_mw", group, "real", 64, changes)


def _vector(value: int, bits: int) -> str:
    assert value < 1 << bits
    return f"b{value:b} "


def _levels(stretches: list[tuple[int, int, str]], low: int, idle: str) -> list[Change]:
    """The values of stretches (start, end, value) that follow each other, and ``idle`` between them."""
    changes: list[Change] = []
    free = low
    for start, end, value in stretches:
        if start > free or not changes:
            changes.append((free, idle if start > free else value))
        changes.append((start, value))
        free = end
    changes.append((free, idle))
    return changes
