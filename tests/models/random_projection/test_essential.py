"""Agreement of essential neurons, against sets; projected and distilled layers, where the answer is known."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from accelsim.errors import AccelsimError
from models.random_projection import distilled, layer_inputs, projected, shared_largest


@given(
    st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=1, max_size=30),
    st.floats(0.05, 1),
)
def test_shared_largest_is_the_overlap_of_two_sorted_lists(
    pairs: list[tuple[int, int]], share: float
) -> None:
    keep = round(share * len(pairs))
    z, found = (torch.tensor(each, dtype=torch.float32) for each in zip(*pairs, strict=True))
    if not keep:
        with pytest.raises(AccelsimError, match="share of it"):
            shared_largest(z, found, share)
        return
    # Python's sort is stable: of equal magnitudes the lower index comes first.
    sets = [set(sorted(range(len(pairs)), key=lambda i: -abs(pair[i]))[:keep]) for pair in (z, found)]
    assert shared_largest(z, found, share) == pytest.approx(len(sets[0] & sets[1]) / keep)


def test_shared_largest_refuses_other_shapes() -> None:
    with pytest.raises(AccelsimError, match=r"\(4,\) against \(2, 2\)"):
        shared_largest(torch.ones(4), torch.ones(2, 2), 0.5)


def test_layer_inputs_are_what_the_layer_sees() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3))
    images = torch.rand(103, 3, 8, 8)  # more than two batches
    with torch.no_grad():
        torch.testing.assert_close(layer_inputs(model, "2", images), model[:2](images))
    with pytest.raises(AccelsimError, match="'1' is no Conv2d"):
        layer_inputs(model, "1", images)


@pytest.mark.parametrize("bias", [True, False])
def test_a_rotation_projects_without_error(bias: bool) -> None:
    """P^T P = 1 where P is square and orthogonal: z~ is then z, at every position."""
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=bias)
    x = torch.randn(3, 4, 9, 7)
    rotation = torch.linalg.qr(torch.randn(36, 36)).Q
    with torch.no_grad():
        z = conv(x).permute(0, 2, 3, 1).flatten(0, 2)
        torch.testing.assert_close(projected(conv, x, rotation), z, atol=1e-4, rtol=1e-4)


def test_distilling_helps_most_where_inputs_have_structure() -> None:
    """Inputs in a space of few dimensions: a fitted W~ finds them, a projected one does not know of them."""
    torch.manual_seed(0)
    conv = nn.Conv2d(8, 16, 1)
    before = conv.weight.detach().clone()
    span = torch.randn(3, 8)
    maps = torch.einsum("nrhw,rc->nchw", torch.randn(40, 3, 6, 6), span)
    layer = distilled(conv, maps[:30], k=8, seed=1)
    with torch.no_grad():
        z, z_approx = conv(maps[30:]), layer.approximate(maps[30:])
    error = (z - z_approx).square().mean() / z.var()
    assert error < 0.05  # what INT4 leaves of 8 projections of 3 dimensions
    assert shared_largest(z, z_approx, 0.125) > 0.8
    assert torch.equal(conv.weight, before) and layer.inner is not conv
