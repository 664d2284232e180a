"""Random layers for co-simulation: small, odd in size, and full of extremes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from accelsim.forms import Form
from accelsim.nn.fixed_point.fixed_point_reference import fixed_point_layer
from accelsim.nn.fixed_point.formats import (
    CODE_MAX,
    MULTIPLIER_MAX,
    OPERAND_RANGES,
    SHIFT_MAX,
    WORD_MAX,
    WORD_MIN,
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

Kind = Literal["dense", "threshold", "nm", "all-noise"]
KINDS: tuple[Kind, ...] = ("dense", "threshold", "nm")
Choice = TypeVar("Choice")


@dataclass(frozen=True)
class Limits:
    """Largest sizes that random_operands draws; a map's side is at least the kernel's, less its padding.

    forms, precise_bits: which it draws from. scales: whether scores may be scaled, signed: whether they may keep their sign.
    """

    channels: int = 7
    side: int = 6
    outputs: int = 20
    k: int = 24
    of: int = 8
    forms: tuple[Form, ...] = ("patch",)
    precise_bits: tuple[int, ...] = (16,)
    scales: bool = False
    signed: bool = False


def random_operands(
    rng: np.random.Generator, kind: Kind | None = None, limits: Limits | None = None
) -> CoreOperands:
    """One random layer; `kind` None draws one of `KINDS`.

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
    bits = 16 if kind == "all-noise" else _one_of(rng, limits.precise_bits)
    w = _words(rng, (n, d))
    x, w = _in_bits(x, bits), _in_bits(w, bits)
    multipliers = None if bits == 16 else rng.integers(0, MULTIPLIER_MAX + 1, n)
    largest = int((np.abs(w.astype(np.int64)).sum(axis=1)).max()) * int(np.abs(x.astype(np.int64)).max())
    shift = _shift(rng, largest * (1 if multipliers is None else int(multipliers.max())))
    layer = CoreOperands(
        x,
        kernel,
        stride,
        padding,
        w,
        _terms(rng, n, shift),
        shift,
        precise_bits=bits,
        multipliers=multipliers,
    )
    if kind == "dense":
        return layer
    form = _one_of(rng, limits.forms)
    noise = _noise(rng, layer, form, limits)
    if kind == "all-noise":
        return replace(layer, noise=replace(noise, selection=None))
    return _with_selection(rng, replace(layer, noise=noise), kind, limits)


def _one_of(rng: np.random.Generator, choices: tuple[Choice, ...]) -> Choice:
    """One of the choices; a single one takes no draw."""
    return choices[0] if len(choices) == 1 else choices[rng.integers(len(choices))]


def _in_bits(words: NDArray[np.int16], bits: int) -> NDArray[np.int16]:
    """Words as operands of so many bits: shifted into their range, so that the extremes stay extremes."""
    low, high = OPERAND_RANGES[bits]
    shifted: NDArray[np.int16] = np.clip(words >> (16 - bits), low, high).astype(np.int16)
    return shifted


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


def _noise(rng: np.random.Generator, layer: CoreOperands, form: Form, limits: Limits) -> NoiseOperands:
    """A noise path for a layer; its selection is a place holder."""
    channels, taps = layer.x.shape[0], layer.d // layer.x.shape[0]
    shape = {"none": (0, layer.d), "pixel": (0, channels), "patch": (0, layer.d)}[form]
    if form != "none":
        shape = (_size(rng, limits.k if form == "patch" else max(1, limits.k // taps)), shape[1])
    k = {"none": layer.d, "pixel": taps * shape[0], "patch": shape[0]}[form]
    signs = rng.choice(np.array([-1, 0, 1], np.int8), shape, p=[1 / 6, 2 / 3, 1 / 6])
    codes = rng.integers(-CODE_MAX, CODE_MAX + 1, (layer.n, k)).astype(np.int8)
    if rng.random() < 0.3:  # few values, so that magnitudes tie
        codes = np.sign(codes) * np.int8(CODE_MAX)
    y_multiplier = int(rng.integers(1, MULTIPLIER_MAX + 1))
    words = (layer.patches() if form == "patch" else layer.x.reshape(channels, -1).T).astype(np.int64)
    sums = int(np.abs(words if form == "none" else words @ signs.T.astype(np.int64)).max())
    # A shift with which the largest y spans the codes and a little more, so that some saturate.
    y_shift = max(0, (sums * y_multiplier).bit_length() - 3 - int(rng.integers(0, 3)))
    multipliers = rng.integers(0, MULTIPLIER_MAX + 1, layer.n)
    shift = _shift(rng, int(multipliers.max()) * CODE_MAX**2 * k)
    noise = NoiseOperands(
        signs,
        y_multiplier,
        min(y_shift, SHIFT_MAX),
        codes,
        multipliers,
        _terms(rng, layer.n, shift),
        shift,
        Threshold(0),
        form=form,
    )
    if limits.scales and rng.random() < 0.5:
        factors = rng.integers(WORD_MIN, WORD_MAX + 1, layer.n)
        score_shift = _shift(rng, int(np.abs(factors).max()) * WORD_MAX)
        noise = replace(noise, scale=Scale(factors, _terms(rng, layer.n, score_shift), score_shift))
    return replace(noise, signed=bool(limits.signed and rng.random() < 0.5))


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
        scored = fixed_point_layer(layer).scores
        assert scored is not None
        occurring = int(rng.choice(scored.ravel()))
        least = MIN_THRESHOLD if layer.noise.signed else 0
        some = (least, MAX_THRESHOLD, 32768, occurring, occurring + 1, int(np.quantile(scored, 0.8)))
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
