"""Overlap of masks, against Python's sets and against drawn ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from accelsim.trace import Approximation, LayerShape, LayerTrace, Scheme
from accelsim.trace.overlap import chance_overlap, overlap

SHAPE = LayerShape(kind="conv", c_in=4, c_out=6, kernel=(1, 1), h_in=2, w_in=2)


def layer(masks: np.ndarray, shape: LayerShape = SHAPE) -> LayerTrace:
    return LayerTrace.from_masks(
        "conv", shape, Scheme.unstructured(0.5, scope="calibrated"), masks, Approximation(k=2, nnz=2, seed=0)
    )


@given(arrays(np.bool_, (3, 4, 6)))
def test_overlap_is_that_of_sets(masks: np.ndarray) -> None:
    sets = [set(np.flatnonzero(image)) for image in masks]
    found = overlap(layer(masks))
    for i, j in np.ndindex(3, 3):
        either = sets[i] | sets[j]
        assert found[i, j] == pytest.approx(len(sets[i] & sets[j]) / len(either) if either else 1.0)


def test_a_dense_layer_overlaps_wholly() -> None:
    dense = LayerTrace.from_masks("conv", SHAPE, Scheme.dense(), None, image_ids=(3, 4))
    assert np.array_equal(overlap(dense), np.ones((2, 2)))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_chance_is_what_independent_masks_have(share: float) -> None:
    shape = LayerShape(kind="conv", c_in=4, c_out=64, kernel=(1, 1), h_in=32, w_in=32)
    masks = np.random.default_rng(0).random((2, 1024, 64)) < share
    assert overlap(layer(masks, shape))[0, 1] == pytest.approx(chance_overlap(share), abs=0.01)
