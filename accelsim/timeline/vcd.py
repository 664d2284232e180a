"""Write a view as a value change dump (IEEE 1364), for GTKWave and other waveform viewers.

One unit of time is one cycle. The format knows no cycles, only powers of ten of a second: the file says 1 ns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from vcd import VCDWriter

from accelsim.energy.energy_terms import GROUPS
from accelsim.files import replaced
from accelsim.timeline.layer_schedule import UNITS, Unit
from accelsim.timeline.timeline_view import Slice, View

Change = tuple[int, Any]
"""A cycle, and the value from then on: an integer, "x" (no value), or a decimal number."""

BLOCK_BITS = 32
WAITING_BITS = 16

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

    @property
    def reference(self) -> str:
        """The name as declared: a vector says its bits."""
        return f"{self.name} [{self.bits - 1}:0]" if self.kind == "wire" and self.bits > 1 else self.name


def write_vcd(view: View, path: Path, comments: Iterable[str] = ()) -> None:
    """Write a view. Of every unit: ``*_busy``, one wire for each kind of job, and ``*_block``, x where it is idle.

    Args:
        view: The layer's schedule and power, with the window to write.
        path: The file, which is written in one step.
        comments: Lines for the head of the file. What is not ASCII, and ``$``, becomes ``?``.
    """
    clock = view.schedule.machine.clock_mhz
    first, end = view.window
    notes = [f"one time unit is one cycle, {1000 / clock:.12g} ns at {clock} MHz, not 1 ns", *comments]
    comment = "\n".join(notes).encode("ascii", "replace").decode().replace("$", "?")
    with (
        replaced(path) as temporary,
        temporary.open("w", encoding="ascii") as file,
        VCDWriter(
            file, "1 ns", date="", comment=comment, version="accelsim timeline", init_timestamp=first
        ) as writer,
    ):
        changes = []
        for signal in _signals(view):
            variable = writer.register_var(signal.scope, signal.reference, signal.kind, signal.bits)
            changes += [(cycle, variable, value) for cycle, value in signal.changes]
        # The sort is stable: where a variable has two values at one cycle, the later one holds.
        for cycle, variable, value in sorted(changes, key=lambda change: change[0]):
            writer.change(variable, cycle, value)
        writer.close(end)


def _signals(view: View) -> Iterator[Signal]:
    low, _ = view.window
    served: dict[tuple[int, Unit], list[Slice]] = defaultdict(list)
    for each in view.slices:
        served[each.core, each.unit].append(each)
    for core in range(view.schedule.machine.cores):
        scope = f"core{core}"
        for unit, jobs in UNITS.items():
            slices = served[core, unit]
            blocks = [(each.start, each.end, each.block) for each in slices]
            for job in jobs:
                name = f"{_SIGNALS[unit]}_busy" if len(jobs) == 1 else f"{_SIGNALS[unit]}_{job}"
                busy = [(each.start, each.end, 1) for each in slices if each.job == job]
                yield Signal(scope, name, "wire", 1, _levels(busy, low, 0))
            yield Signal(scope, f"{_SIGNALS[unit]}_block", "wire", BLOCK_BITS, _levels(blocks, low, "x"))
        for name, steps in (
            ("mvu_waiting_jobs", view.waiting_for_mvu(core)),
            ("slots_taken", view.slots_taken(core)),
        ):
            changes = list(zip(steps.cycles.tolist(), steps.values.tolist(), strict=True))
            yield Signal(scope, name, "wire", WAITING_BITS, changes)
    steps_mw = list(view.power_steps())
    for group in GROUPS:
        # Nine digits; as a float the writer would print the 16 digits of the nearest binary number.
        yield Signal(
            "power_mw", group, "real", 64, [(cycle, Decimal(f"{mw[group]:.9g}")) for cycle, mw in steps_mw]
        )


def _levels(stretches: list[tuple[int, int, int]], low: int, idle: int | str) -> list[Change]:
    """Return the values of stretches (start, end, value) that follow each other, and ``idle`` between them."""
    changes: list[Change] = [(low, idle)]
    free = low
    for start, end, value in stretches:
        if start > free:
            changes.append((free, idle))
        changes.append((start, value))
        free = end
    changes.append((free, idle))
    return changes
