"""RSE and Random Projection Filters against their formulas, and the networks that have them."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from accelsim.errors import AccelsimError
from accelsim.nn.base.random_module import reseed
from accelsim.nn.baselines.rpf import RandomFilters, with_random_filters
from accelsim.nn.baselines.rse import NoisyConv2d, with_noise_layers
from accelsim.nn.networks import NETWORKS, make_network, with_baseline


@pytest.mark.parametrize("kind", ["add", "multiply"])
@torch.no_grad()
def test_rse_is_the_convolution_of_a_disturbed_input(kind: str) -> None:
    conv = nn.Conv2d(3, 4, 3, padding=1, dtype=torch.float64)
    layer = NoisyConv2d(conv, 0.3, kind)  # type: ignore[arg-type]
    layer.reseed(9)
    x = torch.rand(2, 3, 5, 5, dtype=torch.float64)
    epsilon = torch.randn(x.shape, generator=torch.Generator().manual_seed(9), dtype=x.dtype)
    disturbed = x + 0.3 * epsilon if kind == "add" else x + 0.3 * x * epsilon
    torch.testing.assert_close(layer(x), conv(disturbed))
    # Its mean over draws is the plain convolution, since that is linear; the standard error follows from the weights.
    draws = torch.stack([layer(x) for _ in range(2000)])
    error = draws.std(0) / 2000**0.5
    assert ((draws.mean(0) - conv(x)).abs() <= 5 * error).all()


def test_rse_levels() -> None:
    model = with_noise_layers(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.Conv2d(4, 4, 1), nn.Linear(2, 2))), "add"
    )
    assert [m.sigma for m in model.modules() if isinstance(m, NoisyConv2d)] == [0.2, 0.1]


@torch.no_grad()
def test_rpf_draws_filters_of_variance_one_over_r_squared() -> None:
    conv = nn.Conv2d(3, 8, 5, stride=2, padding=2, bias=False)
    model = with_random_filters(nn.Sequential(conv), name="0")
    layer = model[0]
    assert isinstance(layer, RandomFilters) and layer.random_filters == 6
    assert [tuple(p.shape) for p in model.parameters()] == [(2, 3, 5, 5)]
    layer.reseed(2)
    x = torch.rand(2, 3, 9, 9)
    drawn = torch.randn(6, 3, 5, 5, generator=torch.Generator().manual_seed(2)) / 5
    expected = torch.cat([F.conv2d(x, drawn, stride=2, padding=2), conv(x)[:, 6:]], dim=1)
    torch.testing.assert_close(layer(x), expected)
    again = layer(x)
    assert not torch.allclose(again[:, :6], expected[:, :6]) and torch.equal(again[:, 6:], layer(x)[:, 6:])


def test_networks_by_name() -> None:
    assert len(NETWORKS) == 3 * 4 * 2  # widths and depths, baselines, numbers of classes
    stem = make_network("resnet18-rpf").get_submodule("conv1")
    assert isinstance(stem, RandomFilters) and (stem.random_filters, stem.learned.out_channels) == (48, 16)
    noisy = make_network("resnet18-rse-multiply-cifar100").eval()
    assert sum(isinstance(m, NoisyConv2d) for m in noisy.modules()) == 20
    x = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        reseed(noisy, 1)
        first, second = noisy(x), noisy(x)
        reseed(noisy, 1)
        assert torch.equal(noisy(x), first) and not torch.equal(first, second)
    assert first.shape == (1, 100)


@torch.no_grad()
def test_a_trained_network_becomes_a_baseline_of_its_own_weights() -> None:
    plain = make_network("resnet18-w16").eval()
    state = {name: tensor.clone() for name, tensor in plain.state_dict().items()}
    x = torch.rand(1, 3, 8, 8)
    before = plain(x)
    noisy = with_baseline(plain, "resnet18-w16", "resnet18-w16-rse-add")
    assert noisy.state_dict().keys() == make_network("resnet18-w16-rse-add").state_dict().keys()
    assert torch.equal(noisy.get_parameter("layer1.0.conv1.inner.weight"), state["layer1.0.conv1.weight"])
    assert not torch.equal(noisy(x), before)
    for module in noisy.modules():
        if isinstance(module, NoisyConv2d):
            module.sigma = 0.0
    torch.testing.assert_close(noisy(x), before)
    for name, wanted in (("resnet18", "resnet18-w16-rpf"), ("resnet18-rpf", "resnet18-rse-add")):
        with pytest.raises(AccelsimError, match=f"'{wanted}' is neither '{name}' nor a baseline of it"):
            with_baseline(plain, name, wanted)
