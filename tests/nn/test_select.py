"""The selector of a layer in PyTorch: counts, magnitudes, and the calibrated threshold (tests/schemes has the rules)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from accelsim.errors import AccelsimError
from accelsim.nn.layers.select import Selector
from accelsim.schemes import Scheme


@pytest.mark.parametrize(
    ("name", "per_image"),
    [("unstructured-90", 64), ("unstructured-90-position", 60), ("unstructured-100", 0)],
)
def test_unstructured_counts(name: str, per_image: int) -> None:
    z = torch.randn(3, 20, 32, generator=torch.Generator().manual_seed(0))
    mask = Selector(Scheme.parse(name))(z)
    assert mask.sum(dim=(1, 2)).tolist() == [per_image] * 3
    if name.endswith("position"):
        assert mask.sum(2).unique().tolist() == [3]


def test_negative_values_count_by_magnitude() -> None:
    mask = Selector(Scheme.nm(keep=1, of=4))(torch.tensor([[[0.1, -3.0, 2.0, 0.0]]]))
    assert mask.tolist() == [[[False, True, False, False]]]


def test_calibrated_threshold_gives_the_noise_on_its_sample() -> None:
    z = torch.randn(4, 50, 16, generator=torch.Generator().manual_seed(0))
    selector = Selector(Scheme.unstructured(noise=0.8, scope="calibrated"))
    with pytest.raises(AccelsimError, match="distill"):
        selector(z)
    selector.calibrate(z.abs())
    assert selector.threshold() == pytest.approx(np.quantile(z.abs().numpy(), 0.8), abs=1e-3)
    assert selector(z).float().mean().item() == pytest.approx(0.2, abs=0.002)
    selector.scheme = Scheme.unstructured(noise=0.0, scope="calibrated")
    assert bool(selector(z).all())
