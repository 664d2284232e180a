"""By what neurons are ranked: z~ or its magnitude, before or after the next batch norm, found by running it."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.nn.injection.controls import set_control
from accelsim.nn.injection.conversion import convert, non_essential_layers, set_scheme
from accelsim.nn.injection.distillation import distill
from accelsim.nn.injection.following_norms import batch_norms_found
from accelsim.nn.layers.non_essential import NonEssentialLayer
from accelsim.schemes import Scheme

CRITERIA = ("magnitude", "signed", "norm", "normsigned")


class Block(nn.Module):
    """A residual block, as networks are written: batch norms called in `forward`, in another order than they are made."""

    def __init__(self) -> None:
        super().__init__()
        self.norm2 = nn.BatchNorm2d(8)
        self.norm1 = nn.BatchNorm2d(8, affine=False)
        self.conv1 = nn.Conv2d(8, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.conv3 = nn.Conv2d(8, 8, 1)
        for norm in (self.norm1, self.norm2):
            norm.running_mean = torch.linspace(-1, 1, 8)
            norm.running_var = torch.linspace(0.2, 3, 8)
        self.norm2.weight.data = torch.linspace(-2, 2, 8)
        self.norm2.bias.data = torch.linspace(1, -1, 8)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return self.conv3(torch.relu(y + x))


@pytest.fixture
def block() -> nn.Module:
    torch.manual_seed(5)
    model = convert(Block().eval(), Scheme.dense(), seed=1)
    fits = distill(model, torch.randn(60, 8, 6, 6).split(20))
    assert {fit.name: fit.batch_norm for fit in fits} == {"conv1": True, "conv2": True, "conv3": False}
    return model


def layers(model: nn.Module) -> dict[str, NonEssentialLayer]:
    return dict(non_essential_layers(model))


def test_batch_norms_are_found_by_running(block: nn.Module) -> None:
    found = layers(block)
    assert found["conv1"].followed_by == (block.get_submodule("norm1"),)
    assert found["conv2"].followed_by == (block.get_submodule("norm2"),)
    assert found["conv3"].followed_by == ()
    assert not any("followed" in name for name in block.state_dict())


@torch.no_grad()
def test_what_is_normalized_is_what_the_batch_norm_makes(block: nn.Module) -> None:
    z = torch.randn(3, 8, 4, 4)
    for layer in layers(block).values():
        expected = z if not layer.followed_by else layer.followed_by[0](z)
        ours = layer.normalized(layer.by_position(z))
        torch.testing.assert_close(ours, layer.by_position(expected), rtol=1e-5, atol=1e-5)


def plain_scores(layer: NonEssentialLayer, z: np.ndarray, criterion: str) -> np.ndarray:
    """Scores of z~ (positions, n) by the formula of batch norm in float64."""
    if criterion.startswith("norm") and layer.followed_by:
        norm = layer.followed_by[0]
        assert isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None
        assert norm.running_var is not None
        z = (z - norm.running_mean.double().numpy()) / np.sqrt(norm.running_var.double().numpy() + norm.eps)
        if norm.affine:
            z = z * norm.weight.detach().double().numpy() + norm.bias.detach().double().numpy()
    return z if criterion.endswith("signed") else np.abs(z)


@torch.no_grad()
@pytest.mark.parametrize("criterion", CRITERIA)
def test_masks_are_the_largest_by_the_criterion(block: nn.Module, criterion: str) -> None:
    end = "" if criterion == "magnitude" else f"-{criterion}"
    x = torch.randn(1, 8, 6, 6, generator=torch.Generator().manual_seed(9))
    for layer in layers(block).values():
        z = layer.by_position(layer.approximate(x))[0].double().numpy()
        scores = plain_scores(layer, z, criterion)

        def mask(scheme: str, layer: NonEssentialLayer = layer) -> np.ndarray:
            layer.selector.scheme = Scheme.parse(scheme)
            return layer.by_position(layer.essential(layer.approximate(x)))[0].numpy()

        kept = mask(f"unstructured-75{end}")
        assert kept.sum() == 72 and scores[kept].min() >= scores[~kept].max() - 1e-5
        groups = mask(f"nm-1of4{end}").reshape(-1, 4)
        assert (groups.argmax(1) == scores.reshape(-1, 4).argmax(1)).mean() > 0.97
        kept = mask(f"unstructured-60-calibrated{end}")
        threshold = layer.selector.threshold()
        assert (kept == (scores >= threshold)).mean() > 0.99 and 0.1 < kept.mean() < 0.9


@torch.no_grad()
def test_the_criteria_differ_and_the_output_follows_the_mask(block: nn.Module) -> None:
    x = torch.randn(2, 8, 6, 6, generator=torch.Generator().manual_seed(9))
    layer = layers(block)["conv2"]
    masks = []
    for criterion in ("", "-signed", "-norm", "-normsigned"):
        layer.selector.scheme = Scheme.parse(f"unstructured-75{criterion}")
        z_approx = layer.approximate(x)
        masks.append(layer.essential(z_approx))
        assert torch.equal(layer(x), torch.where(masks[-1], layer.inner(x), z_approx))
    assert all(not torch.equal(a, b) for i, a in enumerate(masks) for b in masks[:i])


@torch.no_grad()
@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_control_essential_keeps_the_lowest_by_the_criterion(block: nn.Module, criterion: str) -> None:
    end = "" if criterion == "magnitude" else f"-{criterion}"
    x = torch.randn(1, 8, 6, 6, generator=torch.Generator().manual_seed(9))
    layer = layers(block)["conv2"]
    set_scheme(block, Scheme.parse(f"unstructured-75{end}"))
    set_control(block, "essential")
    z, z_approx = layer.inner(x), layer.approximate(x)
    scores = plain_scores(layer, layer.by_position(z_approx)[0].double().numpy(), criterion)
    precise = layer.by_position(layer(x) == z)[0].numpy()
    assert precise.sum() == 72 and scores[precise].max() <= scores[~precise].min() + 1e-5


def test_outputs_to_two_batch_norms_have_none() -> None:
    class Fork(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 1)
            self.one, self.other = nn.BatchNorm2d(4), nn.BatchNorm2d(4)

        def forward(self, x: Tensor) -> Tensor:
            z = self.conv(x)
            return self.one(z) + self.other(z)

    model = convert(Fork().eval(), Scheme.dense())
    with torch.no_grad(), batch_norms_found(model):
        model(torch.randn(2, 3, 4, 4))
    assert layers(model)["conv"].followed_by == ()


def test_a_copy_follows_its_own_batch_norm(block: nn.Module) -> None:
    other = copy.deepcopy(block)
    assert layers(other)["conv1"].followed_by == (other.get_submodule("norm1"),)


def test_not_looked_for_is_refused() -> None:
    model = convert(Block().eval(), Scheme.dense())
    with pytest.raises(
        AccelsimError, match="which batch norm follows a layer is not known; run distill first"
    ):
        layers(model)["conv1"].normalized(torch.zeros(1, 1, 8))
