"""P redrawn at every pass: what is drawn, what is refitted, what is projected."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.nn.base.random_module import is_random, reseed
from accelsim.nn.injection.conversion import convert, non_essential_layers, set_scheme
from accelsim.nn.injection.distillation import distill
from accelsim.nn.injection.redrawn import redrawn
from accelsim.nn.layers.quantize import int4_codes
from accelsim.trace import Scheme


@pytest.fixture
def noisy(small_network: nn.Module, images: Tensor) -> nn.Module:
    model = convert(small_network, Scheme.unstructured(0.7), form="patch", k_ratio=0.5, seed=1)
    distill(model, images.split(16))
    return model.eval()


@torch.no_grad()
def test_passes_take_draws_of_the_pool(noisy: nn.Module, images: Tensor) -> None:
    before = noisy(images)
    random = redrawn(noisy, 3, method="refit", batches=images.split(16), seed=4).eval()
    assert is_random(random) and torch.equal(noisy(images), before)
    reseed(random, 1)
    outputs = [random(images) for _ in range(20)]
    distinct = {tuple(output.flatten().tolist()) for output in outputs}
    assert len(distinct) == 3
    reseed(random, 1)
    assert torch.equal(random(images), outputs[0])
    assert torch.equal(noisy(images), before)


@torch.no_grad()
def test_a_refitted_draw_is_a_distilled_network_of_that_projection(noisy: nn.Module, images: Tensor) -> None:
    random = redrawn(noisy, 2, method="refit", batches=images.split(16), seed=4)
    for tensors in random.pool:
        for name, layer in non_essential_layers(noisy):
            signs = tensors[f"{name}.signs"]
            assert signs.shape == layer.signs.shape and not torch.equal(signs, layer.signs)
            assert set(signs.unique().tolist()) == {-1, 0, 1}
            w, scale = tensors[f"{name}.w_approx"], tensors[f"{name}.w_scale"][:, None]
            torch.testing.assert_close(int4_codes(w, scale) * scale, w)
    # A draw approximates the dense layer about as well as the first P does.
    layer = noisy[0]
    z = layer.inner(images)
    first = (layer.approximate(images) - z).square().mean()
    for tensors in random.pool:
        mine = {key.removeprefix("0."): value for key, value in tensors.items() if key.startswith("0.")}
        for key in ("signs", "w_scale", "b_scale", "y_scale"):
            layer.get_buffer(key).copy_(mine[key])
        layer.set_approximation(mine["w_approx"], mine["b_approx"])
        assert (layer.approximate(images) - z).square().mean() < 3 * first


@torch.no_grad()
def test_projected_draws_are_the_weights_times_p(noisy: nn.Module, images: Tensor) -> None:
    random = redrawn(noisy, 2, method="projected", seed=4)
    for tensors in random.pool:
        for name, layer in non_essential_layers(noisy):
            w = layer.inner.weight.flatten(1) @ tensors[f"{name}.signs"].T.float() * layer.y_unit
            scale = tensors[f"{name}.w_scale"][:, None]
            torch.testing.assert_close(tensors[f"{name}.w_approx"], int4_codes(w, scale) * scale)
            assert torch.equal(tensors[f"{name}.y_scale"], layer.y_scale)


def test_schemes_change_and_gradients_flow(noisy: nn.Module, images: Tensor) -> None:
    random = redrawn(noisy, 2, method="projected")
    set_scheme(random, Scheme.dense())
    with torch.no_grad():
        assert torch.equal(random(images), noisy(images))
    set_scheme(random, Scheme.nm(keep=1, of=4))
    x = images[:2].clone().requires_grad_()
    random(x).square().sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0


def test_refused(noisy: nn.Module, small_network: nn.Module) -> None:
    with pytest.raises(AccelsimError, match="count is 1"):
        redrawn(noisy, 1, method="refit")
    with pytest.raises(AccelsimError, match="method is 'fit'"):
        redrawn(noisy, 2, method="fit")  # type: ignore[arg-type]
    with pytest.raises(AccelsimError, match="not converted and distilled"):
        redrawn(convert(small_network, Scheme.dense()), 2, method="projected")
    with pytest.raises(AccelsimError, match="saw no input"):
        redrawn(noisy, 2, method="refit")
