"""The rules behind the verdicts on the paper's claims, for one table or for many draws of the energy constants."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from accelsim.report.ratios import Array, Ratios

Verdicts = npt.NDArray[np.bool_]
"""(draws,)"""

SIMILAR_ENERGY = 0.25
"""C3 calls total energies similar if they differ by at most this share."""


def costs_fall(series: Ratios) -> Verdicts:
    """C1. Rows are one scheme at rising degrees of noise: time and energy fall with every step."""
    falls = (np.diff(series.time, axis=0) < 0) & (np.diff(series.energy, axis=0) < 0)
    return np.asarray(falls.all(axis=0))


def faster(structured: Ratios, unstructured: Ratios) -> Verdicts:
    """C2. Less time at every degree of noise (rows)."""
    return np.asarray((structured.time / unstructured.time < 1).all(axis=0))


def saves_sram(structured: Ratios, unstructured: Ratios) -> Verdicts:
    """C3. Less SRAM energy at every degree, and total energies within ``SIMILAR_ENERGY`` of each other."""
    less = structured.sram / unstructured.sram < 1
    similar = np.abs(structured.energy / unstructured.energy - 1) <= SIMILAR_ENERGY
    return np.asarray((less & similar).all(axis=0))


def lower_edp(structured: Ratios, unstructured: Ratios) -> Verdicts:
    """C4. The lower EDP at every degree."""
    return np.asarray((structured.edp / unstructured.edp < 1).all(axis=0))


def edp_advantage(structured: Ratios, unstructured: Ratios) -> Array:
    """EDP of unstructured over that of structured, (degrees, draws)."""
    return np.asarray(unstructured.edp / structured.edp)


def lost_share(advantage: Array) -> Array:
    """Share of the best advantage of all degrees that is gone at the highest, (draws,)."""
    return np.asarray(1 - advantage[-1] / advantage.max(axis=0))


def loses_advantage(small: Array, wide: Array) -> Verdicts:
    """C5. From the EDP advantages of two networks: both have one, the small one loses part of it, the wide one less."""
    somewhere = (small.max(axis=0) > 1) & (wide.max(axis=0) > 1)
    return np.asarray(somewhere & (lost_share(small) > 0) & (lost_share(small) > lost_share(wide)))
