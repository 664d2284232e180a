"""Real layers as integers: geometry, groups, formats, and agreement with float; the sample on disk."""

from __future__ import annotations

import copy
import math
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.nn.fixed_point.agreement import FloatResult, agreement, float_layer
from accelsim.nn.fixed_point.as_trace import as_layer_trace
from accelsim.nn.fixed_point.fixed_point_reference import FixedResult, fixed_point_layer, scores
from accelsim.nn.fixed_point.formats import to_values
from accelsim.nn.fixed_point.from_network import (
    Formats,
    choose_formats,
    input_words,
    layer_input,
    layer_operands,
    named_layer,
    network_operands,
)
from accelsim.nn.fixed_point.layer_operands import KeepLargest, Threshold
from accelsim.nn.fixed_point.sample import Sample, SampledMap, load_sample, result_crc32, save_sample
from accelsim.nn.injection.conversion import convert, non_essential_layers
from accelsim.nn.injection.converted_checkpoint import Converted, load_converted
from accelsim.nn.injection.distillation import distill
from accelsim.nn.injection.precision_calibration import calibrate_precision
from accelsim.nn.layers.geometry import conv_patches
from accelsim.nn.layers.non_essential import NonEssentialLayer
from accelsim.trace import Scheme, open_trace

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINT = ROOT / "models" / "checkpoints" / "resnet18-cifar10.safetensors"
SAMPLE = ROOT / "traces" / "operands" / "resnet18-cifar10.npz"
SCHEMES = (
    *("dense", "dense-8", "dense-4", "noise-100"),
    *("unstructured-75", "unstructured-75-signed", "unstructured-75-norm", "unstructured-75-normsigned-8bit"),
    *("unstructured-50-calibrated", "unstructured-50-calibrated-norm", "unstructured-50-calibrated-signed"),
    *("nm-1of4", "nm-1of4-signed", "nm-3of8-norm", "nm-1of4-normsigned", "nm-1of4-8bit"),
)


@pytest.fixture(scope="module", params=["patch", "pixel", "none"])
def distilled(request: pytest.FixtureRequest) -> nn.Module:
    """Plain, strided, grouped and 1x1 convolutions and a linear layer, all converted and distilled."""
    torch.manual_seed(7)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 12, 3, stride=2, padding=1, groups=2),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.Conv2d(12, 10, 1),
        nn.Flatten(),
        nn.Linear(160, 5),
    ).eval()
    # A small k: the linear layer has one position an image, and distillation needs more of them than unknowns.
    k_ratio = None if request.param == "none" else 0.1
    model = convert(network, Scheme.dense(), seed=6, form=request.param, k_ratio=k_ratio, linear=True)
    # A batch norm that turns some rows around, so that scaled scores order them anew.
    norm = model.get_submodule("3")
    norm.weight.data = torch.linspace(-1, 2, 12)
    norm.bias.data = torch.linspace(1, -1, 12)
    batch = torch.rand(80, 3, 8, 8, generator=torch.Generator().manual_seed(12))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        distill(model, [batch])
    calibrate_precision(model, [batch])
    return model


@pytest.fixture
def converted(distilled: nn.Module) -> nn.Module:
    """The same, for one test alone."""
    return copy.deepcopy(distilled)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_layer_agrees_with_float(converted: nn.Module, images: Tensor, scheme: str) -> None:
    for name, groups in (("0", 1), ("2", 2), ("5", 1), ("7", 1)):
        parsed = Scheme.parse(scheme)
        x = layer_input(converted, name, images[:1], parsed)
        real = float_layer(named_layer(converted, name), x, parsed)
        parts = [layer_operands(converted, name, images[:1], parsed, group) for group in range(groups)]
        n = parts[0][0].n
        for group, (operands, formats) in enumerate(parts):
            own = slice(group * n, (group + 1) * n)
            expected = replace(real, z=real.z[:, own], z_noise=real.z_noise[:, own], mask=real.mask[:, own])
            fixed = fixed_point_layer(operands)
            assert agreement(fixed, expected, formats).snr_precise_db > 60, name
            if fixed.y is None or fixed.z_noise is None:
                continue
            # A y between two INT4 codes can be tipped by the rounding of x, and moves a position's z~ by a step.
            module = named_layer(converted, name)
            assert isinstance(module, NonEssentialLayer)
            rounded = module.precision.rounded_input(x, parsed.precise_bits)
            y = float_codes(module, rounded)[:, group * operands.k : (group + 1) * operands.k]
            assert (fixed.y != y).sum() <= 1 and np.abs(fixed.y - y).max() <= 1
            same = (fixed.y == y).all(axis=1)
            fixed = replace(
                fixed, z=fixed.z[same], z_noise=fixed.z_noise[same], mask=fixed.mask[same], y=fixed.y[same]
            )
            expected = replace(
                expected, z=expected.z[same], z_noise=expected.z_noise[same], mask=expected.mask[same]
            )
            assert agreement(fixed, expected, formats).snr_noise_db > 60, name
            assert operands.noise is not None and fixed.z_noise is not None
            if operands.noise.selection is None:
                assert not fixed.mask.any() and not expected.mask.any()
                continue
            # Where masks differ, the score is next to what decides: rounding has swapped or tied the two. A scaled score
            # has the rounding of z~ in it, scaled.
            scored = scores(torch.from_numpy(fixed.z_noise.astype(np.int64)), operands.noise).numpy()
            scale = operands.noise.scale
            step = 1 if scale is None else 2 + np.abs(scale.multipliers).max() / 2.0**scale.shift
            deciding = deciding_score(scored, operands.noise.selection)
            assert np.abs(scored - deciding)[fixed.mask != expected.mask].max(initial=0) <= step, name


def deciding_score(magnitude: np.ndarray, selection: Threshold | KeepLargest) -> np.ndarray | int:
    """What each neuron's score is measured by: the threshold, or the last one kept of its group of rows."""
    if isinstance(selection, Threshold):
        return selection.value
    deciding = np.empty_like(magnitude)
    for first in range(0, magnitude.shape[1], selection.of):
        group = np.s_[:, first : first + selection.of]
        ordered = -np.sort(-magnitude[group], axis=1)
        deciding[group] = ordered[:, [min(selection.keep, ordered.shape[1]) - 1]]
    return deciding


def float_codes(module: nn.Module, x: Tensor) -> np.ndarray:
    """The layer's y in INT4 as the float model has it, in the core's order: (positions, groups * k)."""
    assert isinstance(module, NonEssentialLayer)
    with torch.no_grad():
        y = module.y_codes(x)
        if y.ndim == 2:
            return y.numpy()
        if module.projection.form == "patch":
            return y[0].flatten(1).T.numpy()
        width = module.inner(x).shape[3]
        place = torch.arange(module.inner(x)[0, 0].numel())
        gathered = conv_patches(module.inner, y, place // width, place % width)[0]
        by_tap = gathered.reshape(*gathered.shape[:2], -1, module.taps).transpose(2, 3)
        return by_tap.reshape(len(place), -1).numpy()


def test_agreement_by_hand() -> None:
    """Masks differ in one neuron of four. z~ is off by 0.5 once: power 1 + 1 + 4 + 4 over 0.25."""
    z_noise = np.array([[1.0, -1.0], [2.0, -2.0]])
    real = FloatResult(10 * z_noise, z_noise, np.array([[True, False], [True, True]]))
    words = np.array([[2, -3], [4, -4]], np.int16)
    mask = np.array([[True, False], [False, True]])
    fixed = FixedResult(np.array([[20, -3], [4, -44]], np.int16), mask, words, None)
    found = agreement(fixed, real, Formats(0, 0, 1))
    # z where both are essential: 10 and -20 beside 10 and -22.
    assert found.masks == 0.75 and found.snr_noise_db == pytest.approx(10 * math.log10(40))
    assert found.snr_precise_db == pytest.approx(10 * math.log10(500 / 4))


def test_numbers_use_the_words(converted: nn.Module, images: Tensor) -> None:
    """Formats are the finest that fit: doubling any of the three would overflow a word."""
    operands, formats = layer_operands(converted, "0", images[:1], Scheme.nm(keep=1, of=4))
    result = fixed_point_layer(operands)
    assert result.z_noise is not None and operands.noise is not None
    for words in (operands.x, operands.w):
        assert 16384 <= np.abs(words.astype(int)).max() <= 32767
    full = fixed_point_layer(replace(operands, noise=None))
    largest = max(np.abs(full.z.astype(int)).max(), np.abs(result.z_noise.astype(int)).max())
    assert 16383 <= largest <= 32767
    assert operands.shift == formats.x + formats.w - formats.z
    assert operands.noise.multipliers.max() >= 32768 and operands.noise.y_multiplier >= 32768
    weight = named_layer(converted, "0").inner.weight  # type: ignore[union-attr]
    core_order = weight.detach().permute(0, 2, 3, 1).reshape(len(weight), -1).double().numpy()  # type: ignore[operator, union-attr, arg-type]
    assert np.abs(to_values(operands.w, formats.w) - core_order).max() <= 2.0 ** -(formats.w + 1)


def test_threshold_registers(converted: nn.Module, images: Tensor) -> None:
    def register(name: str) -> int:
        noise = layer_operands(converted, "0", images[:1], Scheme.parse(name))[0].noise
        assert noise is not None and isinstance(noise.selection, Threshold)
        return noise.selection.value

    assert register("unstructured-0") == register("unstructured-0-calibrated") == 0
    assert register("unstructured-100") == 65535
    assert 0 < register("unstructured-25") < register("unstructured-75") <= 32768
    # The smallest of the magnitudes that the float model keeps: of 512, the 128th.
    x = layer_input(converted, "0", images[:1], Scheme.parse("unstructured-75"))
    real = float_layer(named_layer(converted, "0"), x, Scheme.parse("unstructured-75"))
    bits = choose_formats(named_layer(converted, "0"), x, Scheme.parse("unstructured-75")).z
    kept = np.sort(np.abs(real.z_noise), axis=None)[-128]
    assert register("unstructured-75") == np.floor(kept * 2.0**bits + 0.5)
    for name, noise in (("unstructured-0", 0.0), ("unstructured-75", 0.75), ("unstructured-100", 1.0)):
        result = fixed_point_layer(layer_operands(converted, "0", images[:1], Scheme.parse(name))[0])
        assert result.mask.mean() == pytest.approx(1 - noise, abs=0.02)
    nm = layer_operands(converted, "0", images[:1], Scheme.parse("nm-1of4"))[0].noise
    assert nm is not None and nm.selection == KeepLargest(1, 4)


def test_a_layer_of_zeros_has_formats(converted: nn.Module) -> None:
    x = torch.zeros(1, 3, 8, 8)
    module = nn.Conv2d(3, 2, 3, bias=False)
    formats = choose_formats(module, x, Scheme.dense())
    assert formats.x == 0 and formats.z <= formats.w
    assert not fixed_point_layer(
        network_operands(module, np.zeros((3, 8, 8), np.int16), formats, Scheme.dense())
    ).z.any()


def test_outputs_far_below_their_products_are_not_shifted_up() -> None:
    """z = x0 - x1 of two nearly equal numbers: no more fraction bits than the products have."""
    module = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[1.0, -1.0]]))
    x = torch.tensor([[1.0, 1.0 - 2**-20]])
    formats = choose_formats(module, x, Scheme.dense())
    assert (formats.x, formats.w, formats.z) == (14, 14, 28)
    operands = network_operands(
        module, input_words(module, x, formats, Scheme.dense()), formats, Scheme.dense()
    )
    assert operands.shift == 0 and fixed_point_layer(operands).z.tolist() == [[0]]


def test_the_format_of_outputs_holds_the_noise_too(converted: nn.Module, images: Tensor) -> None:
    module = named_layer(converted, "0")
    assert isinstance(module, NonEssentialLayer)
    before = layer_operands(converted, "0", images[:1], Scheme.parse("unstructured-50"))[1]
    # The same codes of a step 16 times as large.
    module.w_scale *= 16
    module.b_scale *= 16
    with torch.no_grad():
        module.w_approx *= 16
        module.b_approx *= 16
    operands, formats = layer_operands(converted, "0", images[:1], Scheme.parse("unstructured-50"))
    z_noise = fixed_point_layer(operands).z_noise
    assert z_noise is not None and formats.z < before.z
    assert 16383 <= np.abs(z_noise.astype(int)).max() <= 32767


def test_layers_that_cannot_be(converted: nn.Module, images: Tensor) -> None:
    image = images[:1]
    for call, message in [
        (lambda: layer_operands(converted, "1", image, Scheme.dense()), "'1' is no Conv2d or Linear"),
        (lambda: layer_operands(converted, "2", image, Scheme.dense(), 2), "group: 2, must be 0 to 1"),
        (
            lambda: layer_operands(converted, "0", image, Scheme.parse("unstructured-50-position")),
            "no register",
        ),
        (
            lambda: layer_operands(converted, "0", image * torch.nan, Scheme.dense()),
            "must be a finite number",
        ),
        (lambda: layer_input(converted, "0", images[:2], Scheme.dense()), "must be one, of one image"),
    ]:
        with pytest.raises(AccelsimError, match=message):
            call()
    dilated = nn.Conv2d(1, 1, 2, dilation=2)
    with pytest.raises(AccelsimError, match="dilation"):
        network_operands(dilated, np.zeros((1, 5, 5), np.int16), Formats(0, 0, 0), Scheme.dense())


def test_sample_round_trip_and_faults(tmp_path: Path) -> None:
    x = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    each = SampledMap(Scheme.parse("unstructured-50"), "conv", Formats(3, 4, 5, 77), x, 12345)
    path = tmp_path / "s.npz"
    save_sample(path, "ab", "noise", 3, [each])
    first = path.read_bytes()
    save_sample(path, "ab", "noise", 3, [each])
    assert path.read_bytes() == first and [file.name for file in tmp_path.iterdir()] == ["s.npz"]
    sample = load_sample(path)
    found = sample.find("unstructured-50", "conv")
    assert np.array_equal(found.x, x) and found.x.dtype == np.int16
    assert (found.scheme, found.layer, found.formats) == (each.scheme, each.layer, each.formats)
    assert found.result_crc32 == 12345
    assert (sample.weights_sha256, sample.dataset, sample.image_id) == ("ab", "noise", 3)
    with pytest.raises(AccelsimError, match="has no conv under dense; it has conv under unstructured-50"):
        sample.find("dense", "conv")
    with pytest.raises(AccelsimError, match="another checkpoint"):
        sample.operands(Converted(nn.Identity(), "small", {}, "cd"), "unstructured-50", "conv")
    for content in (b"", b"no archive", first[:200], first[:-30]):
        path.write_bytes(content)
        with pytest.raises(AccelsimError, match="not a readable sample"):
            load_sample(path)
    np.savez(path, header=np.array('{"format": "other"}'))
    with pytest.raises(AccelsimError, match="format is 'other'"):
        load_sample(path)
    np.savez(path, header=np.array([{"pickled": True}], dtype=object), map0=x)
    with pytest.raises(AccelsimError, match="not a readable sample"):
        load_sample(path)


@pytest.fixture(scope="module")
def bundled() -> tuple[Converted, Sample]:
    if not CHECKPOINT.is_file():
        pytest.skip("the bundled checkpoint is in a clone only")
    return load_converted(CHECKPOINT), load_sample(SAMPLE)


def test_bundled_sample_computes_what_was_recorded(bundled: tuple[Converted, Sample]) -> None:
    """Checksums of z' and masks: the reference is the same on every machine and version of torch."""
    converted, sample = bundled
    assert len(sample.maps) == 12 and {each.x.shape for each in sample.maps} == {
        (64, 32, 32),
        (128, 16, 16),
        (256, 8, 8),
        (512, 4, 4),
    }
    for each in sample.maps:
        operands = sample.operands(converted, each.scheme.name, each.layer)
        assert result_crc32(fixed_point_layer(operands)) == each.result_crc32, (each.scheme.name, each.layer)


def test_bundled_sample_agrees_with_the_trace(bundled: tuple[Converted, Sample]) -> None:
    """Fixed point decides on nearly every neuron of full layers as the float network did."""
    converted, sample = bundled
    trace = open_trace(ROOT / "traces" / "resnet18-cifar10.h5")
    layers = dict(non_essential_layers(converted.model))
    for each in sample.maps:
        if each.scheme.kind == "dense":
            continue
        operands = sample.operands(converted, each.scheme.name, each.layer)
        result = fixed_point_layer(operands)
        recorded = trace.layer(
            each.layer, each.scheme.name, images=slice(sample.image_id, sample.image_id + 1)
        )
        assert (result.mask == recorded.essential()[0]).mean() > 0.999
        # The same layer in float, on the words' values.
        x = torch.from_numpy(to_values(each.x, each.formats.x)).float()[None]
        found = agreement(result, float_layer(layers[each.layer], x, each.scheme), each.formats)
        assert found.masks > 0.999 and found.snr_precise_db > 65 and found.snr_noise_db > 40
        shape = as_layer_trace(operands, result.mask, each.layer).shape
        assert (shape.n, shape.d, shape.positions) == (operands.n, operands.d, operands.positions)
        assert operands.nnz == layers[each.layer].nnz and operands.k == layers[each.layer].k
