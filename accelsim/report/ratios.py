"""Costs relative to dense, as arrays: one table's, or many draws' of the energy constants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

LOW, HIGH = 5, 95
"""Percentiles of the joint draws that error bars span."""


@dataclass(frozen=True)
class Ratios:
    """Costs relative to dense, (rows, draws) each; ``time`` may be (rows, 1), as no draw changes it."""

    time: Array
    energy: Array
    edp: Array
    sram: Array

    def of(self, rows: npt.ArrayLike) -> Ratios:
        """These rows, in this order."""
        index = np.asarray(rows, dtype=np.intp)
        return Ratios(self.time[index], self.energy[index], self.edp[index], self.sram[index])


@dataclass(frozen=True)
class Draws:
    """A table's ratios, row for row, with other energy constants.

    ``joint``: all constants drawn at once. ``ends``: one constant, or one kind of constants, at an end of its range;
    ``end_names`` says which, a name a column.
    ``published``: constants as published, (rows, 1); None where nothing published compares.
    """

    joint: Ratios
    ends: Ratios
    end_names: tuple[str, ...]
    published: Ratios | None = None
