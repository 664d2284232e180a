"""Random layers for co-simulation: small, odd in size, and full of extremes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from accelsim.nn.fixed_point.fixed_point_reference import fixed_point_layer
from accelsim.nn.fixed_point.formats import CODE_MAX, MULTIPLIER_MAX, SHIFT_MAX, WORD_MAX, WORD_MIN
from accelsim.nn.fixed_point.layer_operands import (
    MAX_THRESHOLD,
    CoreOperands,
    KeepLargest,
    NoiseOperands,
    Threshold,
)

Kind = Literal["dense", "threshold", "nm"]
KINDS: tuple[Kind, ...] = ("dense", "threshold", "nm")


@dataclass(frozen=True)
class Limits:
    """Largest sizes that random_operands draws; a map's side is at least the kernel's, less its padding."""

    channels: int = 7
    side: int = 6
    outputs: int = 20
    k: int = 24
    of: int = 8


def random_operands(
    rng: np.random.Generator, kind: Kind | None = None, limits: Limits | None = None
) -> CoreOperands:
    """One random layer; `kind` None draws it too.

    Kernels 1x1, 3x3, 5x5 and not square, strides 1 to 3, with and without padding, fully connected layers;
    maps and weights of small values, of all 16 bits, of extremes only, and mostly zero; shifts with which
    outputs use the 16 bits, saturate, or vanish; thresholds that keep all, none, some, and exactly those
    of a magnitude that occurs; N:M groups with many ties and a short last one.
    """
    limits = limits or Limits()
    kind = kind or KINDS[rng.integers(len(KINDS))]
    x, kernel, stride, padding = _map(rng, limits)
    n = _size(rng, limits.outputs)
    d = x.shape[0] * kernel[0] * kernel[1]
    w = _words(rng, (n, d))
    largest = int((np.abs(w.astype(np.int64)).sum(axis=1)).max()) * int(np.abs(x.astype(np.int64)).max())
    shift = _shift(rng, largest)
    layer = CoreOperands(x, kernel, stride, padding, w, _terms(rng, n, shift), shift)
    if kind == "dense":
        return layer
    layer = replace(layer, noise=_noise(rng, layer, _size(rng, limits.k)))
    return _with_selection(rng, layer, kind, limits)


def _map(
    rng: np.random.Generator, limits: Limits
) -> tuple[NDArray[np.int16], tuple[int, int], tuple[int, int], tuple[int, int]]:
    """A map and the geometry of a kernel that fits it."""
    if rng.random() < 0.15:  # a fully connected layer
        return _words(rng, (_size(rng, 4 * limits.channels), 1, 1)), (1, 1), (1, 1), (0, 0)
    kernels = ((1, 1), (3, 3), (3, 3), (5, 5), (1, 3), (2, 1))
    kernel = kernels[rng.integers(len(kernels))]
    stride = (int(rng.integers(1, 3)), int(rng.integers(1, 4))) if rng.random() < 0.5 else (1, 1)
    padding = (kernel[0] // 2, kernel[1] // 2) if rng.random() < 0.6 else (0, 0)
    least = [max(1, kernel[axis] - 2 * padding[axis]) for axis in (0, 1)]
    height, width = (int(rng.integers(low, max(low, limits.side) + 1)) for low in least)
    return _words(rng, (_size(rng, limits.channels), height, width)), kernel, stride, padding


def _noise(rng: np.random.Generator, layer: CoreOperands, k: int) -> NoiseOperands:
    """A noise path for a layer; its selection is a place holder."""
    signs = rng.choice(np.array([-1, 0, 1], np.int8), (k, layer.d), p=[1 / 6, 2 / 3, 1 / 6])
    codes = rng.integers(-CODE_MAX, CODE_MAX + 1, (layer.n, k)).astype(np.int8)
    if rng.random() < 0.3:  # few values, so that magnitudes tie
        codes = np.sign(codes) * np.int8(CODE_MAX)
    y_multiplier = int(rng.integers(1, MULTIPLIER_MAX + 1))
    sums = int(np.abs(layer.patches().astype(np.int64) @ signs.T.astype(np.int64)).max())
    # A shift with which the largest y spans the codes and a little more, so that some saturate.
    y_shift = max(0, (sums * y_multiplier).bit_length() - 3 - int(rng.integers(0, 3)))
    multipliers = rng.integers(0, MULTIPLIER_MAX + 1, layer.n)
    shift = _shift(rng, int(multipliers.max()) * CODE_MAX**2 * k)
    return NoiseOperands(
        signs,
        y_multiplier,
        min(y_shift, SHIFT_MAX),
        codes,
        multipliers,
        _terms(rng, layer.n, shift),
        shift,
        Threshold(0),
    )


def _with_selection(
    rng: np.random.Generator, layer: CoreOperands, kind: Kind, limits: Limits
) -> CoreOperands:
    """The layer with a selection that suits the z~ which it has."""
    assert layer.noise is not None
    selection: Threshold | KeepLargest
    if kind == "nm":
        of = int(rng.integers(2, limits.of + 1))
        selection = KeepLargest(int(rng.integers(1, of + 1)), of)
    else:
        z_noise = fixed_point_layer(layer).z_noise
        assert z_noise is not None
        magnitudes = np.abs(z_noise.astype(np.int64)).ravel()
        occurring = int(rng.choice(magnitudes))
        some = (0, MAX_THRESHOLD, 32768, occurring, occurring + 1, int(np.quantile(magnitudes, 0.8)))
        selection = Threshold(some[rng.choice(len(some), p=[0.08, 0.08, 0.04, 0.4, 0.1, 0.3])])
    return replace(layer, noise=replace(layer.noise, selection=selection))


def _words(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.int16]:
    flavour = rng.integers(4)
    if flavour == 0:
        values = rng.integers(-100, 101, shape)
    elif flavour == 1:
        values = rng.integers(WORD_MIN, WORD_MAX + 1, shape)
    elif flavour == 2:
        values = rng.choice(np.array([WORD_MIN, WORD_MAX, 0, -1, 1]), shape)
    else:
        values = np.maximum(rng.integers(-3000, 2001, shape), 0)
    return values.astype(np.int16)


def _terms(rng: np.random.Generator, n: int, shift: int) -> NDArray[np.int64]:
    """Biases: none, or up to a quarter of the words' range after the shift."""
    if rng.random() < 0.4:
        return np.zeros(n, np.int64)
    most = 1 << min(shift + 13, 44)
    return rng.integers(-most, most + 1, n)


def _shift(rng: np.random.Generator, largest: int) -> int:
    """A shift with which `largest` becomes a word; sometimes one that is too small, or far too large."""
    fitting = max(0, largest.bit_length() - 15)
    change = rng.choice(np.array([0, -2, -4, -8, 12]), p=[0.35, 0.25, 0.2, 0.15, 0.05])
    return int(np.clip(fitting + change, 0, SHIFT_MAX))


def _size(rng: np.random.Generator, most: int) -> int:
    return int(rng.integers(1, most + 1))
