"""The choice of a device, and that no step of a layer mixes two.

Meta tensors stand in for a GPU's: they hold no numbers, but torch refuses to combine them with the CPU's.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn

from accelsim.errors import AccelsimError
from accelsim.nn.base.device import device_of, torch_device
from accelsim.nn.injection.conversion import convert, non_essential_layers
from accelsim.schemes import Scheme, keep_n_of_m


def test_devices_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert torch_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert torch_device("cuda") == torch.device("cuda")
    assert torch_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(AccelsimError, match="cuda:2 is not there; torch sees 2"):
        torch_device("cuda:2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(AccelsimError, match="cuda is not there; torch sees 0 CUDA devices; use cpu"):
        torch_device("cuda")


@pytest.mark.parametrize("name", ["", "gpu", "meta", "cuda:x", "mps"])
def test_unknown_devices(name: str) -> None:
    with pytest.raises(AccelsimError, match="is unknown; allowed: cpu, cuda, cuda:<number>"):
        torch_device(name)


def test_device_of() -> None:
    assert device_of(nn.Identity()) == torch.device("cpu")
    assert device_of(nn.Linear(2, 2, device="meta")) == torch.device("meta")
    assert device_of(nn.BatchNorm1d(2, affine=False, device="meta")) == torch.device("meta")


def test_approximation_stays_on_the_device_of_the_layer(small_network: nn.Module) -> None:
    model = convert(small_network, Scheme.dense(), form="patch", k_ratio=0.5).to("meta")
    layer = dict(non_essential_layers(model))["2"]
    layer.choose_y_scale(torch.rand(5, 16, device="meta"))
    z = layer.approximate(torch.rand(2, 8, 8, 8, device="meta"))
    layer.selector.calibrate(z.abs())
    mask = keep_n_of_m(layer.by_position(z).abs(), 1, 4, 2)
    assert {z.device, mask.device, layer.selector.quantiles.device} == {torch.device("meta")}
