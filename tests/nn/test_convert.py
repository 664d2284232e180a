"""Converted layers against loops over positions, and the rules of convert and set_scheme."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.nn.injection.conversion import convert, non_essential_layers, set_scheme
from accelsim.nn.injection.distillation import distill
from accelsim.nn.layers.non_essential import NonEssentialConv2d, NonEssentialLayer
from accelsim.schemes import Scheme

CONVOLUTIONS = {
    "plain": nn.Conv2d(6, 8, 3, padding=1),
    "strided": nn.Conv2d(6, 8, 3, stride=2),
    "uneven": nn.Conv2d(6, 8, (3, 2), stride=(1, 2), padding=(0, 1)),
    "dilated": nn.Conv2d(6, 8, 3, padding=2, dilation=2),
    "same": nn.Conv2d(6, 8, 5, padding="same"),
    "grouped": nn.Conv2d(6, 9, 3, padding=1, groups=3),
    "depthwise": nn.Conv2d(6, 12, 3, padding=1, groups=6),
    "pointwise": nn.Conv2d(6, 8, 1, bias=False),
}


def only_layer(model: nn.Module) -> NonEssentialLayer:
    ((_, layer),) = non_essential_layers(model)
    return layer


def approximate_by_loops(layer: NonEssentialConv2d, x: np.ndarray, output_hw: tuple[int, int]) -> np.ndarray:
    """z~ at every output pixel, one patch and one integer product at a time, in float64."""
    conv = layer.inner
    kh, kw = conv.kernel_size
    pad = conv.padding if not isinstance(conv.padding, str) else (2, 2)
    padded = np.pad(x, ((0, 0), (0, 0), (pad[0], pad[0]), (pad[1], pad[1])))
    signs = layer.signs.numpy().astype(np.float64)
    w = np.rint(layer.w_approx.detach().numpy() / layer.w_scale.numpy()[:, None])
    b = np.rint(layer.b_approx.detach().numpy() / layer.b_scale.numpy())
    y_step = layer.y_scale.item() / np.sqrt(3 / layer.k)
    per_group_in, per_group_out = x.shape[1] // conv.groups, conv.out_channels // conv.groups
    result = np.zeros((len(x), conv.out_channels, *output_hw))
    for image, row, column in np.ndindex(len(x), *output_hw):
        top, left = row * conv.stride[0], column * conv.stride[1]
        for channel in range(conv.out_channels):
            first = channel // per_group_out * per_group_in
            patch = np.array(
                [
                    padded[image, first + c, top + i * conv.dilation[0], left + j * conv.dilation[1]]
                    for c in range(per_group_in)
                    for i in range(kh)
                    for j in range(kw)
                ]
            )
            y = np.clip(np.rint(signs @ patch / y_step), -7, 7)
            scale = layer.y_scale.item() * layer.w_scale[channel].item()
            result[image, channel, row, column] = scale * (w[channel] @ y) + layer.b_scale.item() * b[channel]
    return result


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution_is_w_p_x_at_every_position(name: str) -> None:
    conv = copy.deepcopy(CONVOLUTIONS[name])
    x = torch.randn(2, 6, 7, 6, generator=torch.Generator().manual_seed(3))
    model = convert(nn.Sequential(conv), Scheme.nm(keep=1, of=2), form="patch", k_ratio=0.5, seed=4)
    layer = only_layer(model)
    assert isinstance(layer, NonEssentialConv2d)
    distill(model, [torch.cat([x, torch.randn(60, 6, 7, 6)])], positions_per_image=100)
    z = conv(x)
    expected = approximate_by_loops(layer, x.double().numpy(), (z.shape[2], z.shape[3]))
    z_approx = layer.approximate(x).detach().numpy()
    # A y on the edge between two codes may round differently in float32; that is one code step at most.
    close = np.isclose(z_approx, expected, rtol=1e-4, atol=1e-5)
    assert close.mean() > 0.99
    # Eq. 2 with the layer's own mask.
    mask = layer.like_output(layer.selector(layer.by_position(layer.approximate(x))), z)
    mixed = z * mask + layer.approximate(x) * ~mask
    torch.testing.assert_close(model(x), mixed, rtol=1e-5, atol=1e-6)
    groups, per_group = conv.groups, conv.out_channels // conv.groups
    kept = mask.reshape(2, groups, per_group, -1).sum(2)
    assert kept.unique().tolist() == [(per_group + 1) // 2]


def test_integer_form(small_network: nn.Module, images: Tensor) -> None:
    """Codes are integers in -7..7 and the signs int8, and both reproduce z~ exactly as documented."""
    model = convert(small_network, Scheme.nm(keep=1, of=4), form="patch", seed=1)
    distill(model, [images])
    for _, layer in non_essential_layers(model):
        assert layer.signs.dtype == torch.int8 and set(layer.signs.unique().tolist()) <= {-1, 0, 1}
        for codes in (layer.w_codes(), layer.b_codes()):
            assert torch.equal(codes, codes.round()) and codes.abs().max() <= 7
        torch.testing.assert_close(layer.w_codes() * layer.w_scale[:, None], layer.w_approx)
        assert layer.approximation.nnz == int((layer.signs != 0).sum())


def test_no_noise_is_the_original_network(small_network: nn.Module, images: Tensor) -> None:
    model = convert(small_network, Scheme.unstructured(noise=0.0), linear=True)
    distill(model, [images.repeat(4, 1, 1, 1)])
    expected = small_network(images)
    for scheme in (
        Scheme.unstructured(noise=0.0),
        Scheme.unstructured(noise=0.0, scope="position"),
        Scheme.unstructured(noise=0.0, scope="calibrated"),
        Scheme.nm(keep=4, of=4),
        Scheme.dense(),
    ):
        torch.testing.assert_close(set_scheme(model, scheme)(images), expected, rtol=1e-6, atol=1e-6)


def test_convert_copies_names_and_skips(small_network: nn.Module) -> None:
    model = convert(small_network, Scheme.dense(), skip=["2"], linear=True)
    assert [name for name, _ in non_essential_layers(model)] == ["0", "5", "7"]
    assert not list(non_essential_layers(small_network))
    assert convert(small_network, Scheme.dense(), copy_model=False) is small_network
    assert [name for name, _ in non_essential_layers(small_network)] == ["0", "2", "5"]


def test_a_layer_under_two_names_stays_one() -> None:
    conv = nn.Conv2d(4, 4, 1)
    model = convert(nn.Sequential(conv, nn.ReLU(), conv), Scheme.dense())
    assert model.get_submodule("0") is model.get_submodule("2")


@pytest.mark.parametrize(
    ("model", "skip", "message"),
    [
        (nn.Sequential(nn.ReLU()), [], "no layer to convert"),
        (nn.Conv2d(3, 4, 3), [], "Sequential"),
        (nn.Sequential(nn.Conv2d(3, 4, 3, padding_mode="reflect", padding=1)), [], "padding_mode 'reflect'"),
        (nn.Sequential(nn.Conv2d(3, 4, 2, padding="same")), [], "layer 0: padding 'same'"),
        (nn.Sequential(nn.Conv2d(3, 4, 3)), ["conv9"], "'conv9'"),
    ],
)
def test_convert_refuses(model: nn.Module, skip: list[str], message: str) -> None:
    with pytest.raises(AccelsimError, match=message):
        convert(model, Scheme.dense(), skip=skip)


@pytest.mark.parametrize("seed", [-1, 2**31, 9223372036854775807, 1.5, True])
def test_seeds_that_no_generator_takes(small_network: nn.Module, images: Tensor, seed: int) -> None:
    with pytest.raises(AccelsimError, match=r"convert: seed is .*0 to 2147483647"):
        convert(small_network, Scheme.dense(), seed=seed)
    model = convert(small_network, Scheme.dense(), seed=2**31 - 1)
    with pytest.raises(AccelsimError, match=r"distill: seed is .*0 to 2147483647"):
        distill(model, [images], seed=seed)
    distill(model, [images], seed=2**31 - 1)


def test_undistilled_layer_refuses_noise(small_network: nn.Module, images: Tensor) -> None:
    with pytest.raises(AccelsimError, match="not distilled"):
        convert(small_network, Scheme.nm(keep=1, of=2))(images)


def test_set_scheme_needs_no_new_distillation(small_network: nn.Module, images: Tensor) -> None:
    model = convert(small_network, Scheme.nm(keep=1, of=4), seed=2)
    distill(model, [images])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    light = model(images)
    heavy = set_scheme(model, Scheme.unstructured(noise=0.99))(images)
    assert not torch.equal(light, heavy)
    assert torch.equal(set_scheme(model, Scheme.nm(keep=1, of=4))(images), light)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_gradients_pass_both_branches(images: Tensor) -> None:
    model = convert(nn.Sequential(nn.Conv2d(3, 8, 3)), Scheme.nm(keep=1, of=2), seed=2)
    distill(model, [images])
    layer = only_layer(model)
    x = images.clone().requires_grad_()
    model(x).square().sum().backward()
    weight_gradient = next(layer.inner.parameters()).grad
    for gradient in (x.grad, weight_gradient, layer.w_approx.grad, layer.b_approx.grad):
        assert gradient is not None and gradient.abs().sum() > 0
    # b~ enters the output as it is wherever the mask is 0, so its gradient is the sum of 2 z' there.
    with torch.no_grad():
        mask = layer.like_output(layer.selector(layer.by_position(layer.approximate(x))), model(x))
        expected = (2 * model(x) * ~mask).sum(dim=(0, 2, 3))
    assert layer.b_approx.grad is not None
    torch.testing.assert_close(layer.b_approx.grad, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scheme", ["unstructured-70", "nm-1of4", "nm-2of8"])
def test_masked_gradients_by_hand(scheme: str, images: Tensor) -> None:
    """W learns from essential neurons alone, W~ from the others alone; the mask itself passes nothing."""
    model = convert(nn.Sequential(nn.Conv2d(3, 8, 3, bias=False)), Scheme.parse(scheme), form="patch", seed=2)
    distill(model, [images])
    layer = only_layer(model)
    x = images[:4]
    pull = torch.randn(4, 8, 6, 6, generator=torch.Generator().manual_seed(1))
    (model(x) * pull).sum().backward()
    with torch.no_grad():
        mask = layer.like_output(layer.selector(layer.by_position(layer.approximate(x))), pull)
        patches = nn.functional.unfold(x, 3)  # (images, d, positions)
        expected = torch.einsum("inp,idp->nd", (pull * mask).flatten(2), patches)
        codes = layer.y_codes(x).flatten(2)
        # z~ = y_scale w_scale sum w_code y_code, and w_code = w~ / w_scale straight through.
        approximate = torch.einsum("inp,ikp->nk", (pull * ~mask).flatten(2), codes) * layer.y_scale
    weight = layer.inner.get_parameter("weight").grad
    assert weight is not None and layer.w_approx.grad is not None and 0 < mask.double().mean() < 0.5
    torch.testing.assert_close(weight.flatten(1), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(layer.w_approx.grad, approximate, rtol=1e-4, atol=1e-4)
