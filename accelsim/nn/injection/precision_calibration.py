"""Quantization after training: the scales of operands of 8 and 4 bits, calibrated on images."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.interrupt import stop_if_pressed
from accelsim.nn.base.inference import inference
from accelsim.nn.base.seeds import check_seed
from accelsim.nn.injection.conversion import (
    in_every_place,
    non_essential_layers,
    set_scheme,
    wrapped_layers,
)
from accelsim.nn.layers.precise_layer import FEW_BITS, PreciseLayer, WrappedLayer, largest_code
from accelsim.nn.layers.quantize import best_scale
from accelsim.schemes import Scheme

DEFAULT_RULE = "mse"
VALUES_PER_BATCH, VALUES = 1 << 16, 1 << 20
"""Values of a layer's input that are drawn from a batch, and kept in all."""


def calibrate_precision(
    model: nn.Module, batches: Iterable[Tensor], *, rule: str = DEFAULT_RULE, seed: int = 0
) -> None:
    """Choose the scales that dense-8, dense-4 and essential neurons of 8 bits need, of every Conv2d and Linear of `model`.

    Those without an approximation are wrapped in place (`PreciseLayer`), so that they have scales too. W has a scale for
    each output channel, of least squared error; x one for the layer, by the rule, on values drawn from the original
    network's own activations.

    Args:
        model: from `convert`.
        batches: images (count, channels, h, w) as the model takes them.
        rule: of x: "mse", the scale of least squared error, or "percentile-P", with which P per cent of the magnitudes
            are not clipped, such as percentile-99.9.
        seed: of the values drawn.

    Raises:
        AccelsimError: For another rule, no batches, or a layer that sees no input.
    """
    check_seed("calibrate_precision", seed)
    percentile = _percentile(rule)
    wrap_precise_layers(model)
    layers = dict(wrapped_layers(model))
    before = {name: layer.selector.scheme for name, layer in non_essential_layers(model)}
    generator = torch.Generator().manual_seed(seed)
    samples: dict[str, list[Tensor]] = {name: [] for name in layers}

    def draw(name: str) -> Any:
        def hook(module: nn.Module, args: tuple[Any, ...]) -> None:
            values = args[0].detach().flatten()
            if sum(map(len, samples[name])) < VALUES:
                place = torch.randint(len(values), (min(VALUES_PER_BATCH, len(values)),), generator=generator)
                samples[name].append(values[place.to(values.device)])

        return hook

    set_scheme(model, Scheme.dense())
    try:
        with inference(model), ExitStack() as hooks:
            for name, layer in layers.items():
                hooks.enter_context(layer.inner.register_forward_pre_hook(draw(name)))
            for batch in batches:
                stop_if_pressed()
                model(batch)
        for name, layer in layers.items():
            _choose(name, layer, samples[name], percentile)
    finally:
        for name, layer in non_essential_layers(model):
            layer.selector.scheme = before[name]


def wrap_precise_layers(model: nn.Module, names: Iterable[str] | None = None) -> None:
    """Wrap, in place, the Conv2d and Linear layers that have no wrapper yet: those of `names`, or all."""
    inside = {layer.inner for _, layer in wrapped_layers(model)}
    for name, module in list(model.named_modules()):
        plain = isinstance(module, nn.Conv2d | nn.Linear) and module not in inside
        if plain and name and (names is None or name in names):
            wrapper = PreciseLayer(module, Scheme.dense())
            wrapper.train(module.training)
            in_every_place(model, module, wrapper)


def _choose(name: str, layer: WrappedLayer, sample: list[Tensor], percentile: float | None) -> None:
    if not sample:
        raise AccelsimError(
            f"calibrate_precision: layer {name} saw no input: no batches, or the model skips it"
        )
    values = torch.cat(sample).float()
    if percentile is None:
        scales = [best_scale(values[None], largest=largest_code(bits))[0] for bits in FEW_BITS]
    else:
        reach = torch.quantile(values.abs(), percentile / 100)
        reach = torch.where(reach > 0, reach, torch.ones_like(reach))
        scales = [reach / largest_code(bits) for bits in FEW_BITS]
    layer.precision.calibrate(layer.inner, torch.stack(scales))


def _percentile(rule: str) -> float | None:
    """Return P of percentile-P, None for mse."""
    if rule == "mse":
        return None
    match = re.fullmatch(r"percentile-(\d{1,3}(?:\.\d{1,6})?)", rule)
    if match is None or not 0 < float(match[1]) <= 100:
        raise AccelsimError(
            f"calibrate_precision: rule is {rule!r}, must be 'mse' or 'percentile-P' with P above 0 and at most 100"
        )
    return float(match[1])
