"""Operands of a real layer: its weights, W~, P and input map as the integers that the core computes with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.nn.base.inference import inference
from accelsim.nn.fixed_point.formats import (
    fraction_bits,
    multipliers,
    scales_and_offsets,
    terms,
    to_words,
)
from accelsim.nn.fixed_point.layer_operands import (
    MAX_THRESHOLD,
    MIN_THRESHOLD,
    CoreOperands,
    KeepLargest,
    NoiseOperands,
    Scale,
    Threshold,
)
from accelsim.nn.injection.conversion import set_scheme
from accelsim.nn.layers.geometry import symmetric_padding
from accelsim.nn.layers.non_essential import NonEssentialLayer
from accelsim.nn.layers.precise_layer import Precision, WrappedLayer
from accelsim.schemes import NmScheme, Scheme, UnstructuredScheme
from accelsim.schemes.selection_suffix import ranked


@dataclass(frozen=True)
class Formats:
    """Fraction bits of x, W and the outputs (z~ and z), and the threshold register (0 where none is used).

    x and w are 0 where operands of 8 or 4 bits have scales instead. score: fraction bits of scaled scores; 0 without.
    """

    x: int
    w: int
    z: int
    threshold: int = 0
    score: int = 0


def layer_input(model: nn.Module, name: str, image: Tensor, scheme: Scheme) -> Tensor:
    """What layer `name` gets when `model` runs one image under `scheme`, which stays in force.

    image: float (1, channels, h, w) as the model takes it. The result is float (1, C, H, W), or (1, features)
    of a linear layer. Raises AccelsimError for a name that is no layer, or one that does not run.
    """
    module = named_layer(model, name)
    seen: list[Tensor] = []

    def note(_: nn.Module, args: Any) -> None:
        seen.append(args[0])

    with inference(set_scheme(model, scheme)), module.register_forward_pre_hook(note):
        model(image)
    if len(seen) != 1 or len(seen[0]) != 1:
        raise AccelsimError(f"layer {name}: got {len(seen)} inputs in a pass; must be one, of one image")
    return seen[0]


def named_layer(model: nn.Module, name: str) -> nn.Module:
    """The convolution or linear layer `name`, converted or not; raises AccelsimError if it is none."""
    module = dict(model.named_modules()).get(name)
    if not isinstance(module, WrappedLayer | nn.Conv2d | nn.Linear):
        raise AccelsimError(f"layer {name!r} is no Conv2d or Linear of the network")
    return module


def choose_formats(module: nn.Module, x: Tensor, scheme: Scheme) -> Formats:
    """Formats in which the layer's x, W and outputs on this input just fit, and the scheme's threshold.

    x: float (1, C, H, W) or (1, features). Raises AccelsimError for a scheme with a threshold of each
    position, which no register holds, or values that are not finite.
    """
    bits, inner = operand_bits(module, scheme), _inner(module)
    threshold, score_bits = None, 0
    with inference(module):
        outputs = inner(x) if bits == 16 else _precision(module).output(inner, x, bits)
        largest = outputs.abs().max().item()
        if isinstance(module, NonEssentialLayer) and scheme.approximates:
            noise = module.approximate(module.precision.rounded_input(x, bits))
            largest = max(largest, noise.abs().max().item())
            scores = module.by_position(noise)
            if scheme.scales_scores:
                scores = module.normalized(scores)
                score_bits = fraction_bits("scores", scores.abs().max().item())
            if isinstance(scheme, UnstructuredScheme):
                threshold = _threshold(module, ranked(scores, scheme.criterion), scheme)
    x_bits = w_bits = 0
    z_bits = fraction_bits("outputs", largest)
    if bits == 16:
        x_bits = fraction_bits("x", x.abs().max().item())
        w_bits = fraction_bits("w", inner.get_parameter("weight").abs().max().item())
        # No more fraction bits than the products have: the shift of z would be negative.
        z_bits = min(z_bits, x_bits + w_bits)
    if threshold is None:
        return Formats(x_bits, w_bits, z_bits, score=score_bits)
    register = np.floor(np.ldexp(threshold, score_bits if scheme.scales_scores else z_bits) + 0.5)
    clipped = int(min(max(register, MIN_THRESHOLD), MAX_THRESHOLD))
    return Formats(x_bits, w_bits, z_bits, clipped, score_bits)


def operand_bits(module: nn.Module, scheme: Scheme) -> int:
    """Bits of a layer's operands under a scheme: 16, 8 or 4; 16 where no neuron is precise."""
    if isinstance(module, NonEssentialLayer) or not scheme.approximates:
        return scheme.precise_bits or 16
    return 16


def network_operands(
    module: nn.Module, x: NDArray[np.int16], formats: Formats, scheme: Scheme, group: int = 0
) -> CoreOperands:
    """Operands of a layer, or of one group of a grouped convolution, on a whole input map of words.

    x: int16 (C, H, W) with formats.x fraction bits, or the codes of 8 or 4 bits; see `input_words`. Only integers and the
    checkpoint's scales enter, so the operands are the same on every machine. Raises AccelsimError for a dilated
    convolution, scales that were not calibrated, and where a number does not fit its register.
    """
    inner = _inner(module)
    groups = inner.groups if isinstance(inner, nn.Conv2d) else 1
    if not 0 <= group < groups:
        raise AccelsimError(f"group: {group}, must be 0 to {groups - 1}")
    kernel, stride, padding = _geometry(inner)
    weight, bias = inner.get_parameter("weight").detach(), dict(inner.named_parameters()).get("bias")
    channels, rows = len(x) // groups, len(weight) // groups
    own = slice(group * rows, (group + 1) * rows)
    b = np.zeros(rows) if bias is None else bias.detach()[own].double().numpy()
    bits = operand_bits(module, scheme)
    noise = None
    if isinstance(module, NonEssentialLayer) and scheme.approximates:
        noise = _noise_operands(module, channels, own, formats, scheme)
    own_x = np.ascontiguousarray(x[group * channels : (group + 1) * channels])
    if bits == 16:
        w = to_words(_kernel_first(weight.flatten(1)[own], channels).numpy(), formats.w)
        products = formats.x + formats.w
        own_terms = terms("bias", b, products)
        return CoreOperands(own_x, kernel, stride, padding, w, own_terms, products - formats.z, noise)
    precision = _precision(module)
    with torch.no_grad():
        codes = precision.w_codes(inner, bits).flatten(1)[own]
    scales = precision.scales_of_w(bits).double().numpy()[own] * _x_unit(module, formats, bits)
    row_multipliers, shift = multipliers("z", scales * 2.0**formats.z)
    return CoreOperands(
        own_x,
        kernel,
        stride,
        padding,
        np.ascontiguousarray(_kernel_first(codes, channels).numpy().astype(np.int16)),
        terms("bias", b, formats.z + shift),
        shift,
        noise,
        precise_bits=bits,
        multipliers=row_multipliers,
    )


def layer_operands(
    model: nn.Module, name: str, image: Tensor, scheme: Scheme, group: int = 0
) -> tuple[CoreOperands, Formats]:
    """Layer `name` of a converted network on the input that one image gives it under `scheme`.

    model: from accelsim.nn.injection.converted_checkpoint.load_converted, or `convert` and `distill`; image: float
    (1, channels, h, w). Raises AccelsimError as `layer_input`, `choose_formats`, `network_operands` do.
    """
    module = named_layer(model, name)
    x = layer_input(model, name, image, scheme)
    formats = choose_formats(module, x, scheme)
    return network_operands(module, input_words(module, x, formats, scheme), formats, scheme, group), formats


def input_words(module: nn.Module, x: Tensor, formats: Formats, scheme: Scheme) -> NDArray[np.int16]:
    """A layer's float input (1, C, H, W) or (1, features) as words, or codes, (C, H, W), H = W = 1 for features."""
    bits = operand_bits(module, scheme)
    if bits == 16:
        words = to_words(x[0].double().numpy(), formats.x)
    else:
        with torch.no_grad():
            words = _precision(module).x_codes(x, bits)[0].numpy().astype(np.int16)
    return words if words.ndim == 3 else words.reshape(-1, 1, 1)


def _noise_operands(
    layer: NonEssentialLayer, channels: int, own: slice, formats: Formats, scheme: Scheme
) -> NoiseOperands:
    y_scale, b_scale = layer.y_scale.double().item(), layer.b_scale.double().item()
    y_step = y_scale / layer.y_unit
    x_unit = _x_unit(layer, formats, operand_bits(layer, scheme))
    y_multiplier, y_shift = multipliers("y", np.array([x_unit / y_step]))
    row_scales = y_scale * layer.w_scale.double().numpy()[own] * 2.0**formats.z
    row_multipliers, shift = multipliers("z~", row_scales)
    form, signs = layer.projection.form, layer.signs
    codes = layer.w_codes().detach().to(torch.int8)[own]
    if form == "patch":
        signs = _kernel_first(signs, channels)
    else:
        codes = _kernel_first(codes, layer.k // layer.taps)
    b_codes = layer.b_codes().detach().double().numpy()[own]
    return NoiseOperands(
        signs=np.ascontiguousarray(signs.numpy()),
        y_multiplier=int(y_multiplier[0]),
        y_shift=y_shift,
        codes=np.ascontiguousarray(codes.numpy()),
        multipliers=row_multipliers,
        terms=terms("b~", b_scale * b_codes, formats.z + shift),
        shift=shift,
        selection=_selection(formats, scheme),
        form=form,
        scale=_score_scale(layer, own, formats) if scheme.scales_scores else None,
        signed=scheme.criterion.endswith("signed"),
    )


def _score_scale(layer: NonEssentialLayer, own: slice, formats: Formats) -> Scale:
    """The line of each row's batch norm, from z~ to the score: scale 1 and shift 0 where no batch norm follows."""
    with torch.no_grad():
        shift = layer.normalized(torch.zeros(1, 1, len(layer.b_approx)))[0, 0].double()
        scale = layer.normalized(torch.ones(1, 1, len(layer.b_approx)))[0, 0].double() - shift
    factors, offsets, score_shift = scales_and_offsets(
        "scores",
        scale.numpy()[own] * 2.0 ** (formats.score - formats.z),
        shift.numpy()[own] * 2.0**formats.score,
    )
    return Scale(factors, offsets, score_shift)


def _x_unit(module: nn.Module, formats: Formats, bits: int) -> float:
    """What 1 in an input map of so many bits stands for."""
    return 2.0**-formats.x if bits == 16 else _precision(module).scale_of_x(bits).double().item()


def _precision(module: nn.Module) -> Precision:
    if not isinstance(module, WrappedLayer):
        raise AccelsimError("a layer has no scales for operands of 8 or 4 bits; run calibrate_precision")
    return module.precision


def _selection(formats: Formats, scheme: Scheme) -> KeepLargest | Threshold | None:
    """Return what the core's selector is set to. It has these two ways to select, whatever other schemes there are."""
    if not scheme.has_masks:
        return None
    if isinstance(scheme, NmScheme):
        return KeepLargest(scheme.keep, scheme.of)
    if isinstance(scheme, UnstructuredScheme):
        return Threshold(formats.threshold)
    raise AccelsimError(f"scheme {scheme.name}: the core's selector has no setting for it")


def _threshold(layer: NonEssentialLayer, scores: Tensor, scheme: UnstructuredScheme) -> float:
    """The one score from which on a neuron is essential: what a register of real numbers would hold."""
    if scheme.noise == 0 and scheme.scope != "position":
        return -float("inf") if scheme.criterion.endswith("signed") else 0.0
    if scheme.is_calibrated:
        return layer.selector.threshold()
    if scheme.scope == "position":
        raise AccelsimError(f"scheme {scheme.name}: no register holds a threshold for each position")
    ordered = scores.flatten().sort(descending=True).values
    keep = round((1 - scheme.noise) * len(ordered))
    return ordered[keep - 1].item() if keep else float("inf")


def _inner(module: nn.Module) -> nn.Module:
    return module.inner if isinstance(module, WrappedLayer) else module


def _geometry(inner: nn.Module) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Kernel, stride and padding."""
    if not isinstance(inner, nn.Conv2d):
        return (1, 1), (1, 1), (0, 0)
    if tuple(inner.dilation) != (1, 1):
        raise AccelsimError(f"dilation: {tuple(inner.dilation)}, must be (1, 1)")
    kernel, stride = inner.kernel_size, inner.stride
    return (kernel[0], kernel[1]), (stride[0], stride[1]), symmetric_padding(inner)


def _kernel_first(rows: Tensor, channels: int) -> Tensor:
    """Rows (m, d) from PyTorch's order (channel, kernel row, kernel column) to the core's, channels last."""
    return rows.reshape(len(rows), channels, -1).transpose(1, 2).reshape(len(rows), -1)
