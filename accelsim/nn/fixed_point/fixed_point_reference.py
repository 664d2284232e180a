"""The layer that the core computes, bit for bit, in PyTorch (docs/machine.md, section 11)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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
    """

    z: NDArray[np.int16]
    mask: NDArray[np.bool_]
    z_noise: NDArray[np.int16] | None
    y: NDArray[np.int8] | None


def fixed_point_layer(operands: CoreOperands) -> FixedResult:
    """Run one layer. Every number is an exact integer; nothing depends on the order of additions."""
    patches = _tensor(operands.patches())
    z = requantize(precise_psums(patches, operands), operands.terms, operands.shift)
    if operands.noise is None:
        mask = torch.ones_like(z, dtype=torch.bool)
        return FixedResult(_words(z), mask.numpy(), None, None)
    noise = operands.noise
    y = project(patches, noise)
    z_noise = requantize(noise_sums(y, noise) * _tensor(noise.multipliers), noise.terms, noise.shift)
    mask = select(z_noise, noise.selection)
    blended = torch.where(mask, z, z_noise)
    return FixedResult(_words(blended), mask.numpy(), _words(z_noise), y.to(torch.int8).numpy())


def precise_psums(patches: Tensor, operands: CoreOperands) -> Tensor:
    """sum w * x: int64 (P, n) of patches int64 (P, d); within 2**46."""
    return _matmul(patches, _tensor(operands.w).T)


def project(patches: Tensor, noise: NoiseOperands) -> Tensor:
    """INT4 codes of y = P x: int64 (P, k) of patches int64 (P, d)."""
    sums = _matmul(patches, _tensor(noise.signs).T)
    return _shifted(sums * noise.y_multiplier, noise.y_shift).clamp(-CODE_MAX, CODE_MAX)


def noise_sums(y: Tensor, noise: NoiseOperands) -> Tensor:
    """sum of code products W~ y: int64 (P, n) of y int64 (P, k); within 2**22."""
    return _matmul(y, _tensor(noise.codes).T)


def requantize(sums: Tensor, terms: NDArray[np.int64], shift: int) -> Tensor:
    """Sums plus their row's term as words: int64 (P, n) in -32768..32767, rounded half up, saturated."""
    return _shifted(sums + _tensor(terms), shift).clamp(WORD_MIN, WORD_MAX)


def select(z_noise: Tensor, selection: Threshold | KeepLargest) -> Tensor:
    """The essential mask of z~ (P, n): bool of that shape. -32768 has the magnitude 32768."""
    magnitude = z_noise.abs()
    if isinstance(selection, Threshold):
        return magnitude >= selection.value
    mask: Tensor = keep_n_of_m(magnitude[None], selection.keep, selection.of, groups=1)[0]
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
