"""Crops of scikit-learn's photographs: where each comes from."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.errors import AccelsimError
from models.photographs import photograph_crops

datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed")


def test_crops_tile_the_photographs_at_three_sizes() -> None:
    crops = photograph_crops(32).numpy()
    china, flower = (image / 255 for image in datasets.load_sample_images().images)  # 427 x 640
    coarse, middle, fine = 3 * 5, 6 * 10, 13 * 20
    assert crops.shape == (2 * (coarse + middle + fine), 3, 32, 32)
    first_pixel = china[:4, :4].mean(axis=(0, 1))  # four pixels of a side become one
    np.testing.assert_allclose(crops[0, :, 0, 0], first_pixel, atol=1e-6)
    np.testing.assert_allclose(crops[-1].transpose(1, 2, 0), flower[384:416, 608:640], atol=1e-6)
    np.testing.assert_allclose(
        crops[2 * (coarse + middle) + 21].transpose(1, 2, 0), china[32:64, 32:64], atol=1e-6
    )


@pytest.mark.parametrize("side", [0, 107])
def test_refused(side: int) -> None:
    with pytest.raises(AccelsimError, match=f"side is {side}, must be 1 to 106"):
        photograph_crops(side)
