"""Operands of 8 and 4 bits against loops; noise alone, essential neurons of 8 bits; what is refused without scales."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.nn.base.tensor_files import load_tensors, save_tensors
from accelsim.nn.injection.controls import set_control
from accelsim.nn.injection.conversion import convert, non_essential_layers, set_scheme, wrapped_layers
from accelsim.nn.injection.converted_checkpoint import load_converted, round_weights, save_converted
from accelsim.nn.injection.distillation import distill
from accelsim.nn.injection.precision_calibration import calibrate_precision
from accelsim.nn.layers.precise_layer import PreciseLayer, WrappedLayer
from accelsim.nn.networks import NETWORKS
from accelsim.nn.trace_export import export_trace
from accelsim.schemes import Scheme
from accelsim.trace import open_trace


@pytest.fixture
def calibrated(small_network: nn.Module, images: Tensor, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """Convolutions converted, distilled and calibrated; the linear layer is wrapped for its precision alone."""
    fresh = copy.deepcopy(small_network)
    monkeypatch.setitem(NETWORKS, "small", lambda: copy.deepcopy(fresh))
    model = convert(small_network, Scheme.dense(), seed=6)
    round_weights(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        distill(model, [images])
    calibrate_precision(model, [images])
    return model


def input_of(model: nn.Module, layer: nn.Module, images: Tensor) -> Tensor:
    seen: list[Tensor] = []
    hook = layer.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    with torch.no_grad():
        model(images)
    hook.remove()
    return seen[0]


def z_by_loops(layer: WrappedLayer, x: np.ndarray, bits: int, shape: tuple[int, ...]) -> np.ndarray:
    """z of an 8- or 4-bit layer in float64, one integer product at a time."""
    largest, index = {8: (127, 0), 4: (7, 1)}[bits]
    x_scale = layer.precision.x_scales[index].item()
    w_scales = layer.precision.w_scales[index].double().numpy()
    inner = layer.inner
    weight = inner.get_parameter("weight").detach().double().numpy()
    bias = dict(inner.named_parameters()).get("bias")
    b = np.zeros(len(weight)) if bias is None else bias.detach().double().numpy()
    per_row = w_scales.reshape(-1, *[1] * (weight.ndim - 1))
    w_codes = np.clip(np.rint(weight / per_row), -largest, largest)
    # In float32, as the layer divides: an x in the middle of two codes would else tip a whole patch.
    steps = x.astype(np.float32) * (np.float32(1) / np.float32(x_scale))
    x_codes = np.clip(np.rint(steps), -largest, largest).astype(np.float64)
    assert np.abs(x_codes).max() > largest / 2 and np.abs(w_codes).max() > largest / 2
    z = np.zeros(shape)
    for place in np.ndindex(*shape):
        image, channel = place[:2]
        if isinstance(inner, nn.Conv2d):
            (down, right), (pad, _), (kh, kw) = inner.stride, inner.padding, inner.kernel_size  # type: ignore[misc]
            padded = np.pad(x_codes[image], ((0, 0), (pad, pad), (pad, pad)))
            width = weight.shape[1]
            first = channel // (inner.out_channels // inner.groups) * width
            top, left = place[2] * down, place[3] * right
            patch = padded[first : first + width, top : top + kh, left : left + kw]
            total = float((patch * w_codes[channel]).sum())
        else:
            total = float(x_codes[image] @ w_codes[channel])
        z[place] = total * x_scale * w_scales[channel] + b[channel]
    return z


@pytest.mark.parametrize("bits", [8, 4])
def test_few_bits_are_integers_times_scales(calibrated: nn.Module, images: Tensor, bits: int) -> None:
    scheme = Scheme.parse(f"dense-{bits}")
    set_scheme(calibrated, scheme)
    assert [name for name, _ in wrapped_layers(calibrated)] == ["0", "2", "5", "7"]
    for _, layer in wrapped_layers(calibrated):
        x = input_of(calibrated, layer, images[:1])
        with torch.no_grad():
            z = layer(x)
        expected = z_by_loops(layer, x.double().numpy(), bits, tuple(z.shape))
        # A w in the middle of two codes may round either way.
        assert np.isclose(z.numpy(), expected, rtol=1e-3, atol=5e-3).mean() > 0.97


@torch.no_grad()
def test_more_bits_are_nearer(calibrated: nn.Module, images: Tensor) -> None:
    exact = set_scheme(calibrated, Scheme.dense())(images)
    errors = {
        bits: (set_scheme(calibrated, Scheme.parse(f"dense-{bits}"))(images) - exact).square().mean().item()
        for bits in (8, 4)
    }
    assert 0 < errors[8] < errors[4] / 20
    assert torch.equal(set_scheme(calibrated, Scheme.parse("dense-16"))(images), exact)


@torch.no_grad()
def test_layers_without_approximation_have_16_bits_under_noise(calibrated: nn.Module, images: Tensor) -> None:
    last = calibrated.get_submodule("7")
    assert isinstance(last, PreciseLayer)
    x = input_of(calibrated, last, images)
    for name in ("nm-1of4", "nm-1of4-8bit", "noise-100"):
        set_scheme(calibrated, Scheme.parse(name))
        assert torch.equal(last(x), last.inner(x)), name
    set_scheme(calibrated, Scheme.parse("dense-8"))
    assert not torch.equal(last(x), last.inner(x))


@torch.no_grad()
def test_essential_neurons_of_eight_bits(calibrated: nn.Module, images: Tensor) -> None:
    """The whole input map has 8 bits, and z~ is computed from it too."""
    set_scheme(calibrated, Scheme.parse("nm-1of4-8bit"))
    for _, layer in non_essential_layers(calibrated):
        x = input_of(calibrated, layer, images)
        rounded = layer.precision.rounded_input(x, 8)
        assert (rounded / layer.precision.x_scales[0]).unique().numel() <= 255 and not torch.equal(rounded, x)
        z_approx, z = layer.approximate(rounded), layer.precision.output(layer.inner, x, 8)
        mask = layer.essential(z_approx)
        assert torch.equal(layer(x), torch.where(mask, z, z_approx)) and 0 < mask.float().mean() < 0.5


@torch.no_grad()
def test_noise_alone_is_the_approximation(calibrated: nn.Module, images: Tensor) -> None:
    set_scheme(calibrated, Scheme.parse("noise-100"))
    for _, layer in non_essential_layers(calibrated):
        x = input_of(calibrated, layer, images)
        assert torch.equal(layer(x), layer.approximate(x))
    # A control is not passed over: zeros in every neuron, since none is essential.
    set_control(calibrated, "zeros")
    layer = next(layer for _, layer in non_essential_layers(calibrated))
    assert not layer(images).any()


def test_rules_of_activations(small_network: nn.Module, images: Tensor) -> None:
    scales = {}
    for rule in ("mse", "percentile-100", "percentile-99", "percentile-50"):
        model = convert(small_network, Scheme.nm(1, 4), seed=6)
        calibrate_precision(model, images.split(16), rule=rule)
        assert all(layer.selector.scheme == Scheme.nm(1, 4) for _, layer in non_essential_layers(model))
        (_, first) = next(iter(wrapped_layers(model)))
        scales[rule] = first.precision.x_scales.tolist()
    # The images have values up to 1; of 9,216 all are drawn many times over.
    assert scales["percentile-100"] == pytest.approx([1 / 127, 1 / 7], rel=1e-2)
    assert scales["percentile-99"] == pytest.approx([0.99 / 127, 0.99 / 7], rel=1e-2)
    assert scales["percentile-50"] == pytest.approx([0.5 / 127, 0.5 / 7], rel=5e-2)
    assert scales["percentile-50"][0] < scales["mse"][0] <= scales["percentile-100"][0] * 1.01


@pytest.mark.parametrize("rule", ["max", "percentile-0", "percentile-101", "percentile", "percentile-99.9.9"])
def test_unknown_rules_are_refused(small_network: nn.Module, images: Tensor, rule: str) -> None:
    with pytest.raises(AccelsimError, match=f"rule is '{rule}', must be 'mse' or 'percentile-P'"):
        calibrate_precision(convert(small_network, Scheme.dense()), [images], rule=rule)


def test_few_bits_need_scales(small_network: nn.Module, images: Tensor) -> None:
    model = convert(small_network, Scheme.parse("dense-8"))
    with pytest.raises(AccelsimError, match="no scales for operands of 8 bits; run calibrate_precision"):
        model(images)
    with pytest.raises(AccelsimError, match="layer 0 saw no input"):
        calibrate_precision(model, [])


def test_checkpoints_hold_the_scales(calibrated: nn.Module, images: Tensor, tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    save_converted(path, calibrated, "small", {})
    loaded = load_converted(path).model
    found = loaded.state_dict()
    scales = {
        key: value for key, value in calibrated.state_dict().items() if "scales" in key or "quantiles" in key
    }
    assert len(scales) == 4 * 2 + 3 * 4 and all(torch.equal(found[key], each) for key, each in scales.items())
    for name in (
        *("dense", "dense-8", "dense-4", "noise-100", "nm-1of4-8bit"),
        *(
            "unstructured-50-normsigned",
            "unstructured-50-calibrated-norm",
            "unstructured-50-calibrated-signed",
        ),
    ):
        expected = set_scheme(calibrated, Scheme.parse(name))(images)
        # Another memory layout rounds otherwise, and may tip a code.
        torch.testing.assert_close(
            set_scheme(loaded, Scheme.parse(name))(images), expected, rtol=1e-3, atol=5e-3
        )
    # A file from before: no scales, no batch norms, no tables but that of magnitudes.
    tensors, metadata = load_tensors(path)
    old = {
        key: value
        for key, value in tensors.items()
        if not key.endswith(("_scales", "_signed", "_norm", "_normsigned"))
    }
    for entry in metadata["layers"].values():
        del entry["batch_norm"]
    save_tensors(path, old, metadata)
    before = load_converted(path).model
    assert isinstance(before.get_submodule("7"), nn.Linear)
    torch.testing.assert_close(
        set_scheme(before, Scheme.parse("unstructured-50-calibrated"))(images),
        set_scheme(calibrated, Scheme.parse("unstructured-50-calibrated"))(images),
    )
    for name, words in (
        ("dense-8", "no scales"),
        ("nm-1of4-norm", "which batch norm follows a layer is not known"),
        ("unstructured-50-calibrated-signed", "needs a distilled layer"),
    ):
        with pytest.raises(AccelsimError, match=words):
            set_scheme(before, Scheme.parse(name))(images)


def test_traces_hold_masks_of_those_schemes_that_have_any(
    calibrated: nn.Module, images: Tensor, tmp_path: Path
) -> None:
    names = ["dense", "dense-8", "dense-4", "noise-100", "nm-1of4-8bit", "unstructured-50-normsigned"]
    path = tmp_path / "t.h5"
    export_trace(
        calibrated, images[:2], [0, 1], path, [Scheme.parse(name) for name in names], network="n", dataset="d"
    )
    trace = open_trace(path)
    assert [scheme.name for scheme in trace.schemes] == names
    assert [layer.name for layer in trace.layers] == ["0", "2", "5", "7"]
    for name in names:
        layer = trace.layer("2", name)
        assert (layer.masks is None) == (name in names[:4])
        assert layer.approximation is not None and layer.approximation.form == "none"
        assert layer.approximation.k == layer.shape.d
