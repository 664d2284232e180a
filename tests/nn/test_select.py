"""Selection against a plain sort with the tie rule written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import AccelsimError
from accelsim.nn.layers.select import Selector, keep_largest, keep_n_of_m
from accelsim.trace.layer_shape import Scheme


def largest_by_sorting(values: list[float], keep: int) -> list[bool]:
    """Sort by (value descending, index ascending) and take the first `keep`."""
    order = sorted(range(len(values)), key=lambda i: (-values[i], i))
    return [i in order[:keep] for i in range(len(values))]


# Small integers make many ties.
@given(values=st.lists(st.integers(0, 4), min_size=1, max_size=40), keep=st.integers(0, 41))
def test_keep_largest_is_exact_with_ties(values: list[int], keep: int) -> None:
    row = [float(v) for v in values]
    mask = keep_largest(torch.tensor([row, row[::-1]]), keep)
    assert mask[0].tolist() == largest_by_sorting(row, keep)
    assert mask[1].tolist() == largest_by_sorting(row[::-1], keep)
    assert mask.sum(1).tolist() == [min(keep, len(row))] * 2


@given(
    n_per_group=st.integers(1, 21),
    groups=st.integers(1, 3),
    keep=st.integers(1, 8),
    extra=st.integers(0, 5),
    seed=st.integers(0, 99),
)
def test_n_of_m_per_group(n_per_group: int, groups: int, keep: int, extra: int, seed: int) -> None:
    of = keep + extra
    magnitude = np.random.default_rng(seed).integers(0, 5, (2, 3, n_per_group * groups)).astype(np.float32)
    mask = keep_n_of_m(torch.from_numpy(magnitude), keep, of, groups).numpy()
    for image, position, group in np.ndindex(2, 3, groups):
        start = group * n_per_group
        for first in range(start, start + n_per_group, of):
            last = min(first + of, start + n_per_group)
            expected = largest_by_sorting(magnitude[image, position, first:last].tolist(), keep)
            assert mask[image, position, first:last].tolist() == expected
            assert sum(expected) == min(keep, last - first)


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
