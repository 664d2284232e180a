"""The forms of the approximation against loops, what they refuse, and that none is never worse than rounding W."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from accelsim.cli import cli, main
from accelsim.errors import AccelsimError
from accelsim.forms import Form
from accelsim.nn.base.tensor_files import load_tensors, save_tensors
from accelsim.nn.injection.conversion import convert, non_essential_layers, set_scheme
from accelsim.nn.injection.converted_checkpoint import (
    load_converted,
    round_weights,
    save_converted,
    undefended,
)
from accelsim.nn.injection.distillation import distill
from accelsim.nn.injection.layer_fit import GradientDescent, NormalEquations
from accelsim.nn.injection.redrawn import redrawn
from accelsim.nn.layers.non_essential import NonEssentialConv2d, NonEssentialLayer
from accelsim.nn.layers.projection import Projection, choose_projection, ternary_signs
from accelsim.nn.layers.projection_forms import FORMS, Density
from accelsim.nn.networks import NETWORKS
from accelsim.schemes import Scheme

CONVOLUTIONS = {
    "plain": nn.Conv2d(6, 8, 3, padding=1),
    "strided": nn.Conv2d(6, 8, 3, stride=2),
    "uneven": nn.Conv2d(6, 8, (3, 2), stride=(1, 2), padding=(0, 1)),
    "dilated": nn.Conv2d(6, 8, 3, padding=2, dilation=2),
    "grouped": nn.Conv2d(6, 9, 3, padding=1, groups=3),
    "depthwise": nn.Conv2d(6, 12, 3, padding=1, groups=6),
    "pointwise": nn.Conv2d(6, 8, 1, bias=False),
}


def converted(model: nn.Module, form: Form, **more: object) -> nn.Module:
    k_ratio = None if form == "none" else 0.5
    return convert(model, Scheme.nm(keep=1, of=2), form=form, k_ratio=k_ratio, seed=4, **more)  # type: ignore[arg-type]


def z_by_loops(layer: NonEssentialConv2d, x: np.ndarray, height: int, width: int) -> np.ndarray:
    """z~ at every output pixel in float64: one pixel of the patch, one sum of P, one code at a time."""
    conv = layer.inner
    (down, right), (dilate_h, dilate_w), (kh, kw) = conv.stride, conv.dilation, conv.kernel_size
    padding = conv.padding
    assert not isinstance(padding, str)
    padded = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    signs = layer.signs.numpy().astype(np.float64)
    y_step = layer.y_scale.item() / layer.y_unit
    w = np.rint(layer.w_approx.detach().numpy() / layer.w_scale.numpy()[:, None])
    b = np.rint(layer.b_approx.detach().numpy() / layer.b_scale.numpy())
    group_in, group_out = x.shape[1] // conv.groups, conv.out_channels // conv.groups
    result = np.zeros((len(x), conv.out_channels, height, width))
    for image, row, column, channel in np.ndindex(len(x), height, width, conv.out_channels):
        first = channel // group_out * group_in
        total, used = 0.0, 0
        for tap_row, tap_column in np.ndindex(kh, kw):
            at = (row * down + tap_row * dilate_h, column * right + tap_column * dilate_w)
            pixel = padded[image, first : first + group_in, at[0], at[1]]
            sums = pixel if layer.projection.form == "none" else signs @ pixel
            codes = np.clip(np.rint(sums / y_step), -7, 7)
            # W~'s columns are ordered (channel of y, kernel row, kernel column).
            columns = np.arange(len(codes)) * kh * kw + tap_row * kw + tap_column
            total += float(w[channel, columns] @ codes)
            used += len(codes)
        assert used == layer.k == w.shape[1]
        scale = layer.y_scale.item() * layer.w_scale[channel].item()
        result[image, channel, row, column] = scale * total + layer.b_scale.item() * b[channel]
    return result


@pytest.mark.parametrize("form", ["none", "pixel"])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_codes_of_pixels_meet_w_at_every_position(form: Form, name: str) -> None:
    conv = copy.deepcopy(CONVOLUTIONS[name])
    x = torch.randn(2, 6, 7, 6, generator=torch.Generator().manual_seed(3))
    model = converted(nn.Sequential(conv), form)
    ((_, layer),) = non_essential_layers(model)
    assert isinstance(layer, NonEssentialConv2d)
    distill(model, [torch.cat([x, torch.randn(60, 6, 7, 6)])], positions_per_image=100)
    z = conv(x)
    expected = z_by_loops(layer, x.double().numpy(), z.shape[2], z.shape[3])
    z_approx = layer.approximate(x).detach().numpy()
    # A y on the edge between two codes may round differently in float32.
    assert np.isclose(z_approx, expected, rtol=1e-4, atol=1e-5).mean() > 0.99
    taps = conv.kernel_size[0] * conv.kernel_size[1]
    channels = 6 // conv.groups
    assert layer.approximation.k == layer.k == taps * channels  # k_c of at most 6 channels: all of them
    assert layer.nnz == int(layer.signs.count_nonzero())
    assert layer.signs.shape == ((0, taps * channels) if form == "none" else (channels, channels))


@pytest.mark.parametrize("form", FORMS)
def test_rows_are_projected_as_maps_are(form: Form, small_network: nn.Module, images: Tensor) -> None:
    """What distillation learns from, row by row, is what the layer computes on a whole map."""
    model = converted(small_network, form, linear=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        distill(model, [images.repeat(4, 1, 1, 1)])
    for _, layer in non_essential_layers(model):
        seen: list[Tensor] = []
        hook = layer.register_forward_pre_hook(lambda module, args: seen.append(args[0]))  # noqa: B023
        set_scheme(model, Scheme.dense())(images[:2])
        hook.remove()
        x = seen[0]
        z_approx = layer.by_position(layer.approximate(x))
        if isinstance(layer, NonEssentialConv2d):
            # Every position of a map of one position: unfold gives (channel, kernel row, kernel column).
            conv = layer.inner
            patches = nn.functional.unfold(x, conv.kernel_size, conv.dilation, conv.padding, conv.stride)  # type: ignore[arg-type]
            rows = patches.transpose(1, 2).reshape(-1, layer.groups, patches.shape[1] // layer.groups)
        else:
            rows = x[:, None]
        codes = (layer.project(rows) / layer.y_scale).round().clamp(-7, 7) * layer.y_scale
        by_rows = layer.from_projection(codes).reshape(z_approx.shape)
        assert torch.isclose(by_rows, z_approx, rtol=1e-3, atol=1e-4).float().mean() > 0.97


def errors_of_rows(layer: NonEssentialLayer, x: Tensor) -> Tensor:
    with torch.no_grad():
        return (layer.approximate(x) - layer.inner(x)).square().mean((0, 2, 3))


@pytest.mark.parametrize("images", [3, 30, 300])
@pytest.mark.parametrize("bias", [True, False])
def test_none_is_never_worse_than_rounding(images: int, bias: bool) -> None:
    torch.manual_seed(images)
    network = nn.Sequential(nn.Conv2d(6, 16, 3, padding=1, bias=bias))
    x = torch.randn(images, 6, 4, 4).relu()
    fitted, plain = converted(network, "none"), converted(network, "none")
    # All positions of all images are drawn and kept: the errors below are over the rows that taught W~.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (fit,) = distill(fitted, x.split(16), positions_per_image=16)
    ((_, ours),), ((_, rounded),) = non_essential_layers(fitted), non_essential_layers(plain)
    conv = network[0]
    assert isinstance(conv, nn.Conv2d)
    rounded.set_approximation(
        conv.weight.detach().flatten(1), torch.zeros(16) if conv.bias is None else conv.bias.detach()
    )
    rounded.quantize()
    rounded.y_scale.copy_(ours.y_scale)
    ours_error, plain_error = errors_of_rows(ours, x), errors_of_rows(rounded, x)
    assert ours_error.sum() <= plain_error.sum() * (1 + 1e-5)
    if not bias:  # with biases the one scale that they share may cost a row a little
        assert (ours_error <= plain_error * (1 + 1e-4)).all()
    assert fit.rounded == 16 if images == 3 else fit.rounded < 16
    assert fit.relative_error_int4 == pytest.approx(
        (ours_error.mean() / conv(x).var((0, 2, 3), correction=0).mean()).item(), rel=0.5
    )


def test_few_rows_keep_w_and_warn() -> None:
    network = nn.Sequential(nn.Conv2d(6, 4, 3))
    model = converted(network, "none")
    with pytest.warns(UserWarning, match=r"layer 0 \(k = 54\) saw 10 rows"):
        (fit,) = distill(model, [torch.randn(10, 6, 3, 3)])
    assert (fit.rows, fit.rounded) == (10, 4)
    with pytest.raises(AccelsimError, match="saw 10 rows, needs"):
        distill(converted(network, "patch"), [torch.randn(10, 6, 3, 3)])


def test_fits_start_from_w() -> None:
    """What the rows leave open stays as it was; what they determine is least squares all the same."""
    generator = torch.Generator().manual_seed(1)
    y, z = torch.randn(2, 50, 5, generator=generator), torch.randn(2, 50, 3, generator=generator)
    y[:, :, 4] = 0
    start = torch.randn(2, 5, 3, generator=generator)
    for fit, plain in (
        (NormalEquations(1e-6, start), NormalEquations(1e-6)),
        (GradientDescent(0.2, 0.9, start), GradientDescent(0.2, 0.9)),
    ):
        for _ in range(300):
            fit.add(y, z)
            plain.add(y, z)
        w, from_zero = (each.solve()[0].reshape(2, 3, 5) for each in (fit, plain))
        torch.testing.assert_close(w[..., 4], start[:, 4], rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(w[..., :4], from_zero[..., :4], rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("density", [0.01, 0.1, 0.5, 1.0])
def test_density(density: float) -> None:
    signs = ternary_signs(200, 1000, 3, density)
    assert torch.equal(signs, ternary_signs(200, 1000, 3, density))
    found = (signs != 0).float().mean().item()
    assert found == pytest.approx(density, abs=5 * (density * (1 - density) / 200_000) ** 0.5 + 1e-9)
    # P keeps lengths: E |P x|^2 = |x|^2.
    drawn = Projection("patch", 200, density, 3)
    assert torch.equal(drawn.signs(1000, 1), signs)
    assert (signs > 0).sum() / (signs != 0).sum() == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("form", FORMS)
def test_projections_keep_lengths(form: Form) -> None:
    x = torch.randn(400, 1, 64 * 9, generator=torch.Generator().manual_seed(2))
    for density in (None, "sqrt", 0.7):
        if form == "none" and density is not None:
            continue
        drawn = choose_projection(form, None, density, 576, 9, 5)
        layer = NonEssentialConv2d(nn.Conv2d(64, 8, 3), drawn, Scheme.dense())
        y = layer.project(x)
        assert y.shape == (400, 1, drawn.k)
        assert (y.square().sum() / x.square().sum()).item() == pytest.approx(1, abs=0.25)


def test_sizes_and_densities_by_form() -> None:
    assert choose_projection("none", None, None, 576, 9, 7) == Projection("none", 576)
    assert choose_projection("pixel", 0.5, None, 576, 9, 7) == Projection("pixel", 9 * 32, 1 / 3, 7)
    assert choose_projection("pixel", None, "sqrt", 576, 9, 7) == Projection("pixel", 9 * 16, 1 / 8, 7)
    assert choose_projection("pixel", 0.5, 0.25, 27, 9, 7) == Projection("pixel", 27, 0.25, 7)
    assert choose_projection("patch", None, "sqrt", 576, 9, 7) == Projection("patch", 144, 1 / 24, 7)


@pytest.mark.parametrize(
    ("form", "k_ratio", "density", "words"),
    [
        ("none", 0.5, None, "k_ratio: 0.5, must not be given with the form none"),
        ("none", None, 0.5, "density: 0.5, must not be given with the form none"),
        ("pixel", 0.0, None, "k_ratio: 0.0"),
        ("patch", None, 0.0, "density: 0.0, must be above 0 and at most 1"),
        ("patch", None, 1.5, "density: 1.5"),
        ("patch", None, float("nan"), "density: nan"),
        ("pixels", None, None, "form: 'pixels' is unknown; allowed: none, pixel, patch"),
    ],
)
def test_refused(form: Form, k_ratio: float | None, density: Density | None, words: str) -> None:
    with pytest.raises(AccelsimError, match=words):
        convert(
            nn.Sequential(nn.Conv2d(3, 4, 3)), Scheme.dense(), form=form, k_ratio=k_ratio, density=density
        )


@pytest.mark.parametrize("form", FORMS)
def test_checkpoints_hold_the_form(
    form: Form, small_network: nn.Module, images: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NETWORKS, "small", lambda: copy.deepcopy(small_network))
    model = converted(small_network, form)
    round_weights(model)
    distill(model, [images])
    path = tmp_path / "c.safetensors"
    save_converted(path, model, "small", {})
    loaded = load_converted(path, scheme=Scheme.nm(keep=1, of=2))
    torch.testing.assert_close(loaded.model(images), model(images), rtol=1e-5, atol=1e-5)
    for (_, ours), (_, theirs) in zip(
        non_essential_layers(model), non_essential_layers(loaded.model), strict=True
    ):
        assert ours.approximation == theirs.approximation and ours.projection == theirs.projection
    plain = undefended(loaded)
    torch.testing.assert_close(plain(images), set_scheme(model, Scheme.dense())(images), rtol=1e-5, atol=1e-5)
    # A file from before there were forms says nothing of them.
    tensors, metadata = load_tensors(path)
    assert all(("form" in entry) == (form != "patch") for entry in metadata["layers"].values())
    for entry in metadata["layers"].values():
        entry.pop("form", None)
    save_tensors(path, tensors, metadata)
    if form == "patch":
        assert torch.equal(load_converted(path).model(images), plain(images))
    else:
        with pytest.raises(AccelsimError, match=r"c\.safetensors"):
            load_converted(path)


def test_redrawn_draws_pixels_and_refuses_none(small_network: nn.Module, images: Tensor) -> None:
    model = converted(small_network, "pixel")
    distill(model, [images])
    pool = redrawn(model, 2, method="projected").pool
    for name, layer in non_essential_layers(model):
        assert pool[0][f"{name}.signs"].shape == layer.signs.shape
        assert pool[0][f"{name}.w_approx"].shape == layer.w_approx.shape
    nothing = converted(small_network, "none")
    distill(nothing, [images])
    with pytest.raises(AccelsimError, match="layer 0 has the form none, which draws no P"):
        redrawn(nothing, 2, method="projected")


def prepare(data: Path, out: Path, *more: str) -> int:
    """The exit code of `accelsim prepare` on 20 images."""
    with pytest.raises(SystemExit) as caught:
        main(["prepare", "--model", "tiny", "--data", str(data), "--images", "20", "--out", str(out), *more])
    return int(caught.value.code or 0)


@pytest.mark.parametrize("more", [["--k-ratio", "0.5"], ["--density", "sqrt"], ["--density", "few"]])
def test_prepare_refuses_what_none_has_not(
    more: list[str], tiny_files: tuple[Path, Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data, _ = tiny_files
    out = tmp_path / "none.safetensors"
    assert prepare(data, out, *more) == 2
    error = capsys.readouterr().err
    assert more[0].strip("-").replace("-", "_") in error.replace("-", "_") and not out.exists()


@pytest.mark.parametrize("form", FORMS)
def test_prepare_records_the_form(
    form: str, tiny_files: tuple[Path, Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data, _ = tiny_files
    out = tmp_path / "prepared.safetensors"
    assert prepare(data, out, "--form", form) == 0
    record = load_converted(out).record
    more = {} if form == "none" else {"k_ratio": 0.25, "density": 1 / 3}
    assert {key: record[key] for key in ("form", *more)} == {"form": form} | more
    ((_, layer),) = non_essential_layers(load_converted(out).model)
    assert layer.projection.form == form


def test_the_command_line_has_the_defaults_of_convert() -> None:
    options = [each for name in ("export", "prepare") for each in cli.commands[name].params]
    assert {each.default for each in options if each.name == "form"} == {"none"}
