"""Does the technology meet the machine's clock, and if not, what limits it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from accelsim.components.component_registry import components_of
from accelsim.config.machine import Machine
from accelsim.config.technology import Technology
from accelsim.errors import AccelsimError


@dataclass(frozen=True)
class ClockLimit:
    """The slowest block of a machine: the least period it allows."""

    block: str
    period_ns: float

    @property
    def max_clock_mhz(self) -> int:
        """Highest whole-MHz clock that the block meets."""
        return math.floor(1000.0 / self.period_ns)


def clock_limit(machine: Machine, technology: Technology) -> ClockLimit:
    """Return the block or SRAM macro that limits the clock (the first of equals).

    Raises AccelsimError if an SRAM is outside the technology's table.
    """
    limits = (
        ClockLimit(delay.name, delay.period_ns(machine, technology))
        for component in components_of(machine)
        for delay in component.delays
        if delay.where(machine)
    )
    return max(limits, key=lambda limit: limit.period_ns)


def check_clock(machine: Machine, technology: Technology) -> None:
    """Raise AccelsimError, naming what limits it, if the technology does not meet ``clock_mhz``."""
    limit = clock_limit(machine, technology)
    if machine.clock_mhz > limit.max_clock_mhz:
        raise AccelsimError(
            f"{machine.where('clock_mhz')}: {machine.clock_mhz} is more than technology "
            f"{technology.name} meets; {limit.block} needs {limit.period_ns:g} ns, "
            f"so {limit.max_clock_mhz} at most"
        )
