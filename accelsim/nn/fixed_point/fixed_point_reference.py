"""The layer that the core computes, bit for bit, in PyTorch (docs/machine.md, section 11)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from accelsim.errors import AccelsimError
from accelsim.nn.fixed_point.formats import CODE_MAX, WORD_MAX, WORD_MIN
from accelsim.nn.fixed_point.layer_operands import CoreOperands, KeepLargest, NoiseOperands, Threshold
from accelsim.schemes import keep_n_of_m


@dataclass(frozen=True, eq=False)
class FixedResult:
    """What a layer's run leaves, P positions in row-major order.

    - `z`: int16 (P, n), z' of the machine: precise where essential, else the noise.
    - `mask`: bool (P, n), True = essential; all True for a dense layer.
    - `z_noise`: int16 (P, n), z~ of every neuron; `y`: int8 (P, k), the INT4 codes of P x.
      Both None for a dense layer.
    - `scores`: int64 (P, n), what the selector compares; None where nothing is selected.
    """

    z: NDArray[np.int16]
    mask: NDArray[np.bool_]
    z_noise: NDArray[np.int16] | None
    y: NDArray[np.int8] | None
    scores: NDArray[np.int64] | None = None


def fixed_point_layer(operands: CoreOperands) -> FixedResult:
    """Run one layer. Every number is an exact integer; nothing depends on the order of additions."""
    patches = _tensor(operands.patches())
    if operands.noise is None:
        z = precise(patches, operands)
        return FixedResult(_words(z), np.ones(tuple(z.shape), bool), None, None)
    noise = operands.noise
    y = project(patches, noise)
    z_noise = requantize(noise_sums(y, noise) * _tensor(noise.multipliers), noise.terms, noise.shift)
    codes = y.to(torch.int8).numpy()
    if noise.selection is None:
        return FixedResult(_words(z_noise), np.zeros(tuple(z_noise.shape), bool), _words(z_noise), codes)
    scored = scores(z_noise, noise)
    mask = select(scored, noise.selection)
    blended = torch.where(mask, precise(patches, operands), z_noise)
    return FixedResult(_words(blended), mask.numpy(), _words(z_noise), codes, scored.numpy())


def precise(patches: Tensor, operands: CoreOperands) -> Tensor:
    """z of every neuron as words: int64 (P, n) of patches int64 (P, d)."""
    psums = precise_psums(patches, operands)
    if operands.multipliers is not None:
        psums = psums * _tensor(operands.multipliers)
    return requantize(psums, operands.terms, operands.shift)


def precise_psums(patches: Tensor, operands: CoreOperands) -> Tensor:
    """sum w * x: int64 (P, n) of patches int64 (P, d); within 2**46."""
    return _matmul(patches, _tensor(operands.w).T)


def project(patches: Tensor, noise: NoiseOperands) -> Tensor:
    """INT4 codes y: int64 (P, k) of patches int64 (P, d), in the order of W~'s columns."""
    sums = patches
    if noise.form == "patch":
        sums = _matmul(patches, _tensor(noise.signs).T)
    elif noise.form == "pixel":
        pixels = patches.reshape(-1, noise.signs.shape[1])
        sums = _matmul(pixels, _tensor(noise.signs).T).reshape(len(patches), -1)
    return _shifted(sums * noise.y_multiplier, noise.y_shift).clamp(-CODE_MAX, CODE_MAX)


def code_map(operands: CoreOperands) -> NDArray[np.int8]:
    """The codes of every pixel, with the forms none and pixel: int8 (H, W, channels of y).

    Raises:
        AccelsimError: For a dense layer, or one of the form patch, whose codes belong to patches.
    """
    noise = operands.noise
    if noise is None or noise.form == "patch":
        raise AccelsimError("code map: the layer has no codes per pixel; its form must be none or pixel")
    codes = project(_tensor(operands.projected_words()), noise)
    height, width = operands.x.shape[1:]
    return codes.reshape(height, width, -1).to(torch.int8).numpy()


def noise_sums(y: Tensor, noise: NoiseOperands) -> Tensor:
    """sum of code products W~ y: int64 (P, n) of y int64 (P, k); within 2**22."""
    return _matmul(y, _tensor(noise.codes).T)


def requantize(sums: Tensor, terms: NDArray[np.int64], shift: int) -> Tensor:
    """Sums plus their row's term as words: int64 (P, n) in -32768..32767, rounded half up, saturated."""
    return _shifted(sums + _tensor(terms), shift).clamp(WORD_MIN, WORD_MAX)


def scores(z_noise: Tensor, noise: NoiseOperands) -> Tensor:
    """What the selector compares, of z~ (P, n): int64 of that shape. -32768 has the magnitude 32768."""
    value = z_noise
    if noise.scale is not None:
        value = requantize(z_noise * _tensor(noise.scale.multipliers), noise.scale.terms, noise.scale.shift)
    return value if noise.signed else value.abs()


def select(scored: Tensor, selection: Threshold | KeepLargest) -> Tensor:
    """The essential mask of scores (P, n): bool of that shape."""
    if isinstance(selection, Threshold):
        return scored >= selection.value
    mask: Tensor = keep_n_of_m(scored.double()[None], selection.keep, selection.of, groups=1)[0]
    return mask


def _shifted(values: Tensor, shift: int) -> Tensor:
    """(values + half) >> shift, arithmetic: rounds half up."""
    half = (1 << shift) >> 1
    return (values + half) >> shift


def _matmul(left: Tensor, right: Tensor) -> Tensor:
    """The exact product of two int64 matrices whose every partial sum lies within 2**53.

    float64 holds such integers exactly, whatever the order of additions, and unlike int64 has a fast product.
    """
    return (left.double() @ right.double()).long()


def _tensor(array: NDArray[np.integer]) -> Tensor:
    return torch.from_numpy(array.astype(np.int64))


def _words(z: Tensor) -> NDArray[np.int16]:
    words: NDArray[np.int16] = z.to(torch.int16).numpy()
    return words
