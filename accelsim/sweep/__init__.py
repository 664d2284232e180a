"""Many machines, technologies, schemes and traces, point by point into the results database (docs/sweeps.md)."""

from accelsim.sweep.space import Dimension, LeftOut, Space, open_space
from accelsim.sweep.sweep_file import SweepFile, load_sweep

__all__ = ["Dimension", "LeftOut", "Space", "SweepFile", "load_sweep", "open_space"]
