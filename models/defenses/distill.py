"""Distillation of W~ and b~ (paper Eq. 1), then one-time INT4 quantization.

Every layer learns to approximate its own output on the inputs x that the undefended network gives it:
minimize over W~, b~ the mean of |(W x + b) - (W~ P x + b~)|^2. P x enters rounded to INT4, as the layer
will see it; its scale is fixed on the first batch. That is a linear least-squares problem: "lstsq" solves
it exactly from its normal equations in one pass; "sgd" is the paper's momentum SGD.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.trace.schema import Scheme
from models.defenses.convert import non_essential_layers, set_scheme
from models.defenses.fit import Fit, GradientDescent, NormalEquations
from models.inference import inference
from models.layers.geometry import conv_patches
from models.layers.non_essential import NonEssentialConv2d, NonEssentialLayer
from models.layers.projection import projection_scale
from models.layers.quantize import int4_codes

CALIBRATION_ROWS = 2048
"""Rows of (y, z) kept per layer, to choose y_scale and the calibrated thresholds."""

CALIBRATION_ROWS_PER_BATCH = 256


@dataclass(frozen=True)
class LayerFit:
    """How well a layer's approximation fits: E |z - z~|^2 / Var z on the calibration rows.

    relative_error: with W~ and b~ in float. relative_error_int4: as the layer runs, quantized.
    rows: output pixels that the fit has seen.
    """

    name: str
    rows: int
    relative_error: float
    relative_error_int4: float


def distill(
    model: nn.Module,
    batches: Iterable[Tensor],
    *,
    method: Literal["lstsq", "sgd"] = "lstsq",
    positions_per_image: int = 16,
    seed: int = 0,
    ridge: float = 1e-4,
    epochs: int = 1,
    lr: float = 0.2,
    momentum: float = 0.9,
) -> list[LayerFit]:
    """Fit and quantize every converted layer of `model` in place; returns the fit of each.

    batches: images (count, channels, h, w) as the model takes them; streamed, so memory stays bounded
        (per layer: the normal equations, (k + n) * k numbers, and 2,048 rows for calibration). With "sgd"
        and several epochs it must be possible to iterate over it again (a list, a data loader).
    positions_per_image: output pixels drawn, from `seed`, per batch and layer; all, if a layer has fewer.
    ridge: "lstsq" adds ridge * mean(diag Cov y) to the diagonal; 0 gives the plain minimiser of Eq. 1.
    epochs, lr, momentum: of "sgd"; lr is relative, divided by the mean |y|^2 of the first batch.

    The scheme in force is the same afterwards. Raises AccelsimError for an unknown method, a model without
    converted layers, or no batches.
    """
    layers = dict(non_essential_layers(model))
    if not layers:
        raise AccelsimError("distill: the model has no converted layer; run convert first")
    fits: dict[str, Fit]
    if method == "lstsq":
        epochs = 1
        fits = {name: NormalEquations(ridge) for name in layers}
    elif method == "sgd":
        fits = {name: GradientDescent(lr, momentum) for name in layers}
    else:
        raise AccelsimError(f"distill: method is {method!r}, must be 'lstsq' or 'sgd'")
    generator = torch.Generator().manual_seed(seed)
    samples = {
        name: _Sample(layer, fits[name], positions_per_image, generator) for name, layer in layers.items()
    }
    schemes = {name: layer.selector.scheme for name, layer in layers.items()}
    set_scheme(model, Scheme.dense())
    try:
        with inference(model), ExitStack() as hooks:
            for name, layer in layers.items():
                hooks.enter_context(layer.inner.register_forward_hook(samples[name]))
            for _ in range(epochs):
                for batch in batches:
                    model(batch)
        return [_finish(name, layer, samples[name]) for name, layer in layers.items()]
    finally:
        for name, layer in layers.items():
            layer.selector.scheme = schemes[name]


class _Sample:
    """A forward hook on a wrapped layer: draws (y, z) rows, feeds the fit, keeps some for calibration."""

    def __init__(
        self, layer: NonEssentialLayer, fit: Fit, positions: int, generator: torch.Generator
    ) -> None:
        self.layer = layer
        self.fit = fit
        self.positions = positions
        self.generator = generator
        self.rows = 0
        self.kept: list[tuple[Tensor, Tensor]] = []
        self.kept_rows = 0

    def __call__(self, module: nn.Module, args: tuple[Any, ...], z: Tensor) -> None:
        x, z = self._draw(args[0], z)
        y = x @ self.layer.signs.T.to(x.dtype) * projection_scale(self.layer.k)
        if self.rows == 0:
            self.layer.choose_y_scale(y)
        y = int4_codes(y, self.layer.y_scale) * self.layer.y_scale
        self.fit.add(y.transpose(0, 1), z.transpose(0, 1))
        self.rows += len(y)
        if self.kept_rows < CALIBRATION_ROWS:
            chosen = torch.randperm(len(y), generator=self.generator)[:CALIBRATION_ROWS_PER_BATCH]
            self.kept.append((y[chosen], z[chosen]))
            self.kept_rows += len(chosen)

    def _draw(self, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """x as (rows, groups, d) and z as (rows, groups, n / groups) at random positions."""
        layer = self.layer
        width = z.shape[-1]
        z = layer.by_position(z)
        place = torch.randperm(z.shape[1], generator=self.generator)[: self.positions]
        if isinstance(layer, NonEssentialConv2d):
            drawn = conv_patches(layer.inner, x, place // width, place % width)
        else:
            drawn = x.reshape(len(x), -1, 1, x.shape[-1])[:, place]
        return drawn.flatten(0, 1), z[:, place].reshape(-1, layer.groups, z.shape[2] // layer.groups)


def _finish(name: str, layer: NonEssentialLayer, sample: _Sample) -> LayerFit:
    """Solve, quantize and calibrate one layer."""
    if not sample.kept:
        raise AccelsimError(f"distill: layer {name} saw no input: no batches, or the model skips it")
    w, b = sample.fit.solve()
    layer.set_approximation(w, b)
    y = torch.cat([part for part, _ in sample.kept])
    z = torch.cat([part for _, part in sample.kept])
    variance = (z - z.mean(0)).square().mean()
    relative_error = (layer.from_projection(y) - z).square().mean() / variance
    layer.quantize()
    z_approx = layer.from_projection(y)
    layer.selector.calibrate(z_approx.abs())
    relative_error_int4 = (z_approx - z).square().mean() / variance
    return LayerFit(name, sample.rows, relative_error.item(), relative_error_int4.item())
