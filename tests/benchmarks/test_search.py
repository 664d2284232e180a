"""The measure that `benchmarks/search.py` judges a search by."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("optuna", reason="needs the extra search")

from benchmarks.search import hypervolume

SIDE = 5
corners = st.tuples(*[st.integers(0, SIDE)] * 3)


@given(st.lists(corners, min_size=1, max_size=12))
def test_hypervolume_counts_the_unit_cubes_that_are_dominated(points: list[tuple[int, int, int]]) -> None:
    cubes = np.stack(np.meshgrid(*[np.arange(SIDE)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    dominated = np.zeros(len(cubes), bool)
    for point in points:
        dominated |= (cubes >= point).all(axis=1)
    table = np.array(points, dtype=float)
    assert hypervolume(table, np.full(3, float(SIDE))) == dominated.sum()
