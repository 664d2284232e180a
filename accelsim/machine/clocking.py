"""The order of events within one cycle.

All units act on normal SimPy events. The MVU alone must see everything that happens in a cycle before it
chooses its next job (``docs/machine.md``, section 5, "MVU order"), so it waits for ``settled``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import simpy

Process = Generator[simpy.Event, Any, None]

# SimPy runs events of one time in order of priority: URGENT 0, NORMAL 1, then this.
_AFTER_ALL_OTHERS = 2


def settled(env: simpy.Environment) -> simpy.Event:
    """Return an event of the present cycle that fires after all others of this cycle."""
    event = simpy.Event(env)
    event._ok = True
    event._value = None
    env.schedule(event, priority=_AFTER_ALL_OTHERS)  # type: ignore[arg-type]
    return event


def after(env: simpy.Environment, cycles: int, action: Callable[[], None]) -> None:
    """Call ``action`` in the cycle that comes ``cycles`` later."""
    timeout = env.timeout(cycles)
    assert timeout.callbacks is not None
    timeout.callbacks.append(lambda _: action())
