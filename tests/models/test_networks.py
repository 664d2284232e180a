"""The networks have the published sizes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from accelsim.errors import AccelsimError
from models.export import _layers_in_order
from models.networks import ResNet18, WideResNet34_10, make_network


def test_resnet18_macs_and_neurons() -> None:
    layers = _layers_in_order(ResNet18().eval(), torch.rand(1, 3, 32, 32))
    convolutions = [shape for shape, _ in layers.values() if shape.kind == "conv"]
    assert len(convolutions) == 20
    assert sum(shape.macs for shape in convolutions) == 555_417_600
    assert sum(shape.positions * shape.n for shape in convolutions) == 614_400
    assert sum(1 for shape in convolutions if shape.kernel == (1, 1)) == 3
    names = list(layers)
    assert (names[0], names[-1]) == ("conv1", "fc")


def test_wide_resnet34_10_size() -> None:
    """46.2 million parameters (Zagoruyko and Komodakis, table 4 lists 28-10 with 36.5; 34-10 has 46.2)."""
    with torch.device("meta"):
        network = WideResNet34_10()
    assert sum(p.numel() for p in network.parameters()) == 46_160_474
    kernels = [m.kernel_size for m in network.modules() if isinstance(m, nn.Conv2d)]
    # depth 34 = 33 convolutions of 3x3 and the linear layer; three 1x1 shortcuts come on top
    assert (kernels.count((3, 3)), kernels.count((1, 1))) == (31, 3)


def test_make_network_own_factory() -> None:
    assert isinstance(make_network("torch.nn:Identity"), nn.Identity)


@pytest.mark.parametrize("name", ["resnet19", "torch.nn:NoSuch", "no_such_module:f", "torch:get_num_threads"])
def test_make_network_refuses(name: str) -> None:
    with pytest.raises(AccelsimError, match="network: "):
        make_network(name)
