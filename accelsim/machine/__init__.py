"""The hardware, one SimPy process per unit, one unit a file (``docs/machine.md``, sections 5 and 6)."""

from accelsim.machine.chip import Chip
from accelsim.machine.observer import Job, Observer

__all__ = ["Chip", "Job", "Observer"]
