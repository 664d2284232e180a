"""The controls against their definitions, neuron by neuron."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.nn.base.random_module import is_random, reseed
from accelsim.nn.injection.controls import CONTROLS, set_control
from accelsim.nn.injection.conversion import convert, set_scheme
from accelsim.nn.injection.distillation import distill
from accelsim.nn.layers.non_essential import NonEssentialLayer
from accelsim.trace import Scheme

SCHEMES = [Scheme.unstructured(0.7), Scheme.unstructured(0.5, "position"), Scheme.nm(keep=1, of=4)]


@pytest.fixture
def noisy(small_network: nn.Module, images: Tensor) -> nn.Module:
    model = convert(small_network, Scheme.unstructured(0.7), form="patch", k_ratio=0.5, seed=1)
    distill(model, images.split(16))
    return model.eval()


def parts(layer: NonEssentialLayer, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """z, z~ and the mask of the method itself."""
    z_approx = layer.approximate(x)
    return layer.inner(x), z_approx, layer.essential(z_approx)


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
@torch.no_grad()
def test_where_each_control_puts_what(noisy: nn.Module, images: Tensor, scheme: Scheme) -> None:
    layer = set_scheme(noisy, scheme)[0]
    z, z_approx, mask = parts(layer, images)
    outputs = {}
    for name in CONTROLS:
        set_control(noisy, name)
        reseed(noisy, 3)
        outputs[name] = layer(images)
    assert torch.equal(outputs["none"], torch.where(mask, z, z_approx))
    assert torch.equal(outputs["zeros"], z * mask)
    for name in ("gaussian", "gaussian-value"):
        assert torch.equal(outputs[name][mask], z[mask])
        assert not torch.isclose(outputs[name], z)[~mask].any()
    noise_counts = (~mask).flatten(1).sum(1)
    for name in ("random", "essential"):
        got_noise = outputs[name] != z
        assert torch.equal(outputs[name][got_noise], z_approx[got_noise])
        assert torch.equal(got_noise.flatten(1).sum(1), noise_counts)
    if scheme.scope == "image":
        # The noisy ones are exactly those of largest |z~|.
        noisy_now = (outputs["essential"] != z).flatten(1)
        size = z_approx.abs().flatten(1)
        for one, where in zip(size, noisy_now, strict=True):
            assert one[where].min() >= one[~where].max()
    assert not torch.equal(outputs["random"] != z, outputs["none"] != z)


@torch.no_grad()
def test_gaussian_controls_have_the_moments(noisy: nn.Module, images: Tensor) -> None:
    layer = noisy[0]
    one = images[:1]
    z, z_approx, mask = parts(layer, one)
    gained: dict[str, list[Tensor]] = {"gaussian": [], "gaussian-value": []}
    for name, draws in gained.items():
        set_control(noisy, name)
        reseed(noisy, 5)
        for _ in range(60):
            draws.append(layer(one)[~mask] - (z[~mask] if name == "gaussian" else 0))
    errors = torch.cat(gained["gaussian"])
    wanted = (z_approx - z)[~mask].square().mean().sqrt()
    count = len(errors)
    assert abs(float(errors.mean())) < 5 * float(wanted) / count**0.5
    assert float(errors.std() / wanted) == pytest.approx(1.0, abs=5 / (2 * count) ** 0.5)
    values, copied = torch.cat(gained["gaussian-value"]), z_approx[~mask]
    assert abs(float(values.mean() - copied.mean())) < 5 * float(copied.std()) / count**0.5
    assert float(values.std() / copied.std(correction=0)) == pytest.approx(1.0, abs=5 / (2 * count) ** 0.5)


@torch.no_grad()
def test_images_do_not_depend_on_their_neighbours(noisy: nn.Module, images: Tensor) -> None:
    for name in ("none", "zeros", "essential"):
        set_control(noisy, name)
        alone = torch.cat([noisy(image) for image in images[:4].split(1)])
        torch.testing.assert_close(noisy(images[:4]), alone)


def test_only_drawing_controls_are_random(noisy: nn.Module) -> None:
    found = [name for name in CONTROLS if is_random(set_control(noisy, name))]
    assert found == ["random", "gaussian", "gaussian-value"]


@pytest.mark.parametrize("name", CONTROLS)
def test_without_noise_every_control_is_the_network(
    noisy: nn.Module, small_network: nn.Module, images: Tensor, name: str
) -> None:
    set_control(set_scheme(noisy, Scheme.unstructured(0.0)), name)
    torch.testing.assert_close(noisy(images), small_network(images))


def test_refused(noisy: nn.Module) -> None:
    with pytest.raises(AccelsimError, match="control 'zeroes' is unknown; did you mean `zeros`"):
        set_control(noisy, "zeroes")
    set_scheme(noisy, Scheme.unstructured(0.5, "calibrated"))
    for name in ("random", "essential"):
        with pytest.raises(AccelsimError, match=f"control {name}: scheme unstructured-50-calibrated"):
            set_control(noisy, name)
