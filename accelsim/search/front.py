"""The Pareto front: which of some points no other point beats."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def non_dominated(values: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Which rows of (points, objectives) are on the front where every objective is to be small; bool (points,).

    A point is beaten by one that is at most as large in every objective and smaller in one; equal points do not beat
    each other, so all of them are on the front or none. Infinities are allowed.

    Raises ValueError for NaN, or for anything but two dimensions with one objective at least.
    """
    points = np.asarray(values, dtype=np.float64)
    if points.ndim != 2 or not points.shape[1]:
        raise ValueError(f"points of shape {points.shape}; needed: (points, objectives)")
    if np.isnan(points).any():
        raise ValueError("an objective is not a number")
    distinct, place = np.unique(points, axis=0, return_inverse=True)
    # In lexicographic order a point can only be beaten by an earlier one, and if by any then by one of the front:
    # one pass, comparing with the front alone.
    front = np.empty_like(distinct)
    kept = np.zeros(len(distinct), dtype=np.bool_)
    size = 0
    for index, point in enumerate(distinct):
        if not (front[:size] <= point).all(axis=1).any():
            front[size] = point
            kept[index] = True
            size += 1
    return kept[place.reshape(-1)]
