"""P against scikit-learn's SparseRandomProjection with density 1/3, which is the same matrix ensemble."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.random_projection import SparseRandomProjection

from accelsim.errors import AccelsimError
from accelsim.nn.layers.projection import projection_scale, projection_size, ternary_signs


def test_density_and_variance_as_scikit_learn() -> None:
    k, d = 144, 2304
    ours = ternary_signs(k, d, seed=5).numpy() * projection_scale(k)
    theirs = SparseRandomProjection(n_components=k, density=1 / 3, random_state=5).fit(np.zeros((1, d)))
    reference = theirs.components_.toarray()
    np.testing.assert_allclose(np.unique(ours), np.unique(reference), rtol=1e-12)
    # 331,776 entries: the standard error of the density is 0.0008, of the mean sign 0.001.
    assert abs(np.count_nonzero(ours) / ours.size - 1 / 3) < 0.004
    assert abs(np.count_nonzero(reference) / reference.size - 1 / 3) < 0.004
    assert abs(ours.var() / reference.var() - 1) < 0.02
    assert abs(np.sign(ours).mean()) < 0.005


def test_same_seed_same_matrix() -> None:
    assert torch.equal(ternary_signs(16, 27, seed=3), ternary_signs(16, 27, seed=3))
    assert not torch.equal(ternary_signs(16, 27, seed=3), ternary_signs(16, 27, seed=4))


@pytest.mark.parametrize(("d", "k"), [(27, 16), (9, 9), (576, 144), (100, 32)])
def test_projection_size(d: int, k: int) -> None:
    assert projection_size(d, k_ratio=0.25) == k


@pytest.mark.parametrize("k_ratio", [0.0, -1.0, 1.5, float("nan")])
def test_projection_size_refuses(k_ratio: float) -> None:
    with pytest.raises(AccelsimError, match="k_ratio"):
        projection_size(100, k_ratio)
