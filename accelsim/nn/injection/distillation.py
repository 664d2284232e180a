"""Distillation of W~ and b~ (paper Eq. 1), then one-time INT4 quantization.

Every layer learns to approximate its own output on the inputs x that the undefended network gives it:
minimize over W~, b~ the mean of |(W x + b) - (W~ P x + b~)|^2. P x enters rounded to INT4, as the layer
will see it; its scale is chosen on the rows drawn from the first batch and fixed from then on. That is a
linear least-squares problem: "lstsq" solves it exactly from its normal equations in one pass; "sgd" is the
paper's momentum SGD.

With the form none W~ meets x itself, so W is an answer already: both methods start from it, and each row keeps W, rounded,
where the fit turns out no better in INT4.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.interrupt import stop_if_pressed
from accelsim.nn.base.inference import inference
from accelsim.nn.base.seeds import check_seed
from accelsim.nn.injection.conversion import non_essential_layers, set_scheme
from accelsim.nn.injection.following_norms import batch_norms_found
from accelsim.nn.injection.layer_fit import Fit, GradientDescent, NormalEquations
from accelsim.nn.layers.geometry import conv_patches
from accelsim.nn.layers.non_essential import NonEssentialConv2d, NonEssentialLayer
from accelsim.nn.layers.quantize import int4_codes
from accelsim.nn.layers.select import TABLES
from accelsim.schemes import Scheme

CALIBRATION_ROWS = 2048
"""Rows of (y, z) kept per layer, to measure the error of the fit and choose the calibrated thresholds."""

CALIBRATION_ROWS_PER_BATCH = 256

WANTED_ROWS_PER_UNKNOWN = 4
"""Below, `distill` warns: at 4 rows for each of the k + 1 unknowns, the error is 4/3 of what k allows."""

TOLD_EVERY_SECONDS = 10.0

_MORE_ROWS = "more calibration images or a larger positions_per_image"


@dataclass(frozen=True)
class LayerFit:
    """How well a layer's approximation fits: E |z - z~|^2 / Var z, estimated for rows it has not seen.

    rows: output pixels of one pass over the calibration images. k + 1 unknowns per neuron fit those pixels
    better than others, and exactly where there are no more rows than unknowns. The mean square on the kept
    rows is therefore divided by (1 - (k + 1) / rows)^2: generalized cross-validation (Golub, Heath, Wahba,
    Technometrics 21, 1979), which takes the rows as independent; neighbouring pixels are less so.
    rounded: rows of W~ that are W itself, rounded (form none only), which has no such unknowns.
    batch_norm: whether one follows the layer; without, the criteria norm and normsigned rank z~ itself.
    relative_error: with W~ and b~ in float. relative_error_int4: as the layer runs, quantized; quantizing
    adds to the error on seen and unseen rows alike, so what the division added is added here.
    """

    name: str
    rows: int
    relative_error: float
    relative_error_int4: float
    rounded: int = 0
    batch_norm: bool = False


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
    progress: Callable[[str], None] | None = None,
) -> list[LayerFit]:
    """Fit and quantize every converted layer of `model` in place, find the batch norm after it; returns the fit of each.

    batches: images (count, channels, h, w) as the model takes them; streamed, so memory stays bounded
        (per layer: the normal equations, (k + n) * k numbers, and 2,048 rows for calibration). With "sgd"
        and several epochs it must be possible to iterate over it again (a list, a data loader).
    positions_per_image: output pixels drawn, from `seed`, per batch and layer; all, if a layer has fewer.
    ridge: "lstsq" adds ridge * mean(diag Cov y) to the diagonal; 0 gives the plain minimiser of Eq. 1.
    epochs, lr, momentum: of "sgd"; lr is relative, divided by the mean |y|^2 of the first batch.
    progress: told now and then how far it is, in one line.

    The scheme in force is the same afterwards. Raises AccelsimError for an unknown method, a seed outside 0
    to 2^31 - 1, a model without converted layers, no batches, a layer with no more rows than the k + 1
    unknowns of each neuron (the model is then unchanged but for y_scale; with the form none such a layer takes W
    rounded), or a fit that is not finite. Warns below four rows an unknown.
    """
    check_seed("distill", seed)
    layers = dict(non_essential_layers(model))
    if not layers:
        raise AccelsimError("distill: the model has no converted layer; run convert first")
    fits: dict[str, Fit]
    if method == "lstsq":
        epochs = 1
        fits = {name: NormalEquations(ridge, _start(layer)) for name, layer in layers.items()}
    elif method == "sgd":
        if epochs < 1:
            raise AccelsimError(f"distill: epochs is {epochs}, must be at least 1")
        fits = {name: GradientDescent(lr, momentum, _start(layer)) for name, layer in layers.items()}
    else:
        raise AccelsimError(f"distill: method is {method!r}, must be 'lstsq' or 'sgd'")
    generator = torch.Generator().manual_seed(seed)
    samples = {
        name: _Sample(layer, fits[name], positions_per_image, generator) for name, layer in layers.items()
    }
    schemes = {name: layer.selector.scheme for name, layer in layers.items()}
    set_scheme(model, Scheme.dense())
    rows: dict[str, int] = {}
    try:
        with inference(model), batch_norms_found(model), ExitStack() as hooks:
            for name, layer in layers.items():
                hooks.enter_context(layer.inner.register_forward_hook(samples[name]))
            clock = _Clock(epochs, progress)
            for epoch in range(epochs):
                for batch in batches:
                    stop_if_pressed()
                    model(batch)
                    clock.shown(epoch)
                rows = rows or _rows_of_one_pass(samples)
        return [_finish(name, layer, samples[name], rows[name]) for name, layer in layers.items()]
    finally:
        for name, layer in layers.items():
            layer.selector.scheme = schemes[name]


class _Clock:
    """Tells every few seconds how many batches have been shown, and from the second pass on how long it will take."""

    def __init__(self, epochs: int, progress: Callable[[str], None] | None) -> None:
        self._epochs, self._progress = epochs, progress
        self._begun = self._told = time.monotonic()
        self._batches = self._first_pass = 0

    def shown(self, epoch: int) -> None:
        """After a batch of pass `epoch`, counted from 0."""
        self._batches += 1
        if epoch == 0:
            self._first_pass += 1
        now = time.monotonic()
        if self._progress is None or now - self._told < TOLD_EVERY_SECONDS:
            return
        self._told = now
        text = f"distill: pass {epoch + 1}/{self._epochs}, {self._batches - epoch * self._first_pass} batches"
        if epoch:
            left = (now - self._begun) * (self._epochs * self._first_pass / self._batches - 1)
            text += f" of {self._first_pass}, {left:.0f} s to go"
        self._progress(text)


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
        y = self.layer.project(x)
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


def _rows_of_one_pass(samples: dict[str, _Sample]) -> dict[str, int]:
    """Rows that each layer has seen after the first pass; refuses a fit that they do not determine."""
    sparse = []
    for name, sample in samples.items():
        rows, k = sample.rows, sample.layer.k
        if not rows:
            raise AccelsimError(f"distill: layer {name} saw no input: no batches, or the model skips it")
        wanted = WANTED_ROWS_PER_UNKNOWN * (k + 1)
        told = f"layer {name} (k = {k}) saw {rows} rows, needs {k + 2} and better {wanted}"
        if rows <= k + 1 and sample.layer.projection.form != "none":
            raise AccelsimError(f"distill: {told}; give {_MORE_ROWS}, or skip the layer")
        if rows < wanted:
            sparse.append((rows / wanted, told))
    if sparse:
        others = f" (and {len(sparse) - 1} other layers see few)" if len(sparse) > 1 else ""
        # stacklevel 3: the line that called distill.
        warnings.warn(f"distill: {min(sparse)[1]}{others}; give {_MORE_ROWS}", stacklevel=3)
    return {name: sample.rows for name, sample in samples.items()}


def _start(layer: NonEssentialLayer) -> Tensor | None:
    """W as W~ (groups, k, n / groups), from which a fit of the form none starts; None for the others."""
    if layer.projection.form != "none":
        return None
    return _own_weight(layer).reshape(layer.groups, -1, layer.k).transpose(1, 2)


def _own_weight(layer: NonEssentialLayer) -> Tensor:
    return layer.inner.get_parameter("weight").detach().flatten(1)


def _finish(name: str, layer: NonEssentialLayer, sample: _Sample, rows: int) -> LayerFit:
    """Solve, quantize and calibrate one layer."""
    y = torch.cat([part for part, _ in sample.kept])
    z = torch.cat([part for _, part in sample.kept])
    rounded = torch.zeros(z[0].numel(), dtype=torch.bool, device=z.device)
    if rows > layer.k + 1:
        w, b = sample.fit.solve()
        if not (torch.isfinite(w).all() and torch.isfinite(b).all()):
            raise AccelsimError(
                f"distill: layer {name}: W~ is not finite; are the calibration images and weights, and is lr small "
                "enough?"
            )
        errors = _quantize(layer, y, z, w, b, (layer.k + 1) / rows)
    if layer.projection.form == "none":
        own = _own_weight(layer)
        bias = dict(layer.inner.named_parameters()).get("bias")
        own_b = torch.zeros_like(layer.b_approx) if bias is None else bias.detach()
        plain = _quantize(layer, y, z, own, own_b, 0.0)
        if rows > layer.k + 1:
            rounded = plain[1] < errors[1]
            w, b = torch.where(rounded[:, None], own, w), torch.where(rounded, own_b, b)
            errors = torch.where(rounded, plain, _quantize(layer, y, z, w, b, (layer.k + 1) / rows))
        if rows <= layer.k + 1 or plain[1].sum() < errors[1].sum():
            # All biases share one scale, so that a mixture may lose what its rows gain.
            errors = _quantize(layer, y, z, own, own_b, 0.0)
            rounded = torch.ones_like(rounded)
    z_approx = layer.from_projection(y).flatten(1)
    for criterion in TABLES:
        scaled = criterion.startswith("norm")
        layer.selector.calibrate(layer.normalized(z_approx) if scaled else z_approx, criterion)
    relative, relative_int4 = (errors.mean(1) / (z - z.mean(0)).square().mean()).tolist()
    return LayerFit(name, rows, relative, relative_int4, int(rounded.sum()), bool(layer.followed_by))


def _quantize(
    layer: NonEssentialLayer, y: Tensor, z: Tensor, w: Tensor, b: Tensor, unknowns: float
) -> Tensor:
    """Put W~ and b~ into a layer, in INT4; return each row's mean square error on unseen rows: (2, n), float and INT4.

    y (rows, groups, k) and z (rows, groups, n / groups) are rows that W~ was fitted on; unknowns: those of each neuron,
    as a share of all such rows.
    """
    layer.set_approximation(w, b)
    error = (layer.from_projection(y) - z).square().mean(0).flatten()
    layer.quantize()
    error_int4 = (layer.from_projection(y) - z).square().mean(0).flatten()
    unseen = error / (1 - unknowns) ** 2 - error
    return torch.stack([error + unseen, error_int4 + unseen])
