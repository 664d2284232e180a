"""Types of the NumPy arrays that the whole package passes around."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
"""Cycles, counts, numbers of rows and blocks."""

Bools = NDArray[np.bool_]
"""Unpacked masks and spikes."""

Words = NDArray[np.uint64]
"""Packed masks and spikes: element i is bit i % 64 of word i // 64."""
