"""How far a layer in fixed point is from the same layer in float."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from accelsim.nn.base.inference import inference
from accelsim.nn.fixed_point.fixed_point_reference import FixedResult
from accelsim.nn.fixed_point.formats import to_values
from accelsim.nn.fixed_point.from_network import Formats, operand_bits
from accelsim.nn.injection.conversion import set_scheme
from accelsim.nn.layers.non_essential import NonEssentialLayer
from accelsim.nn.layers.precise_layer import WrappedLayer
from accelsim.schemes import Scheme


@dataclass(frozen=True)
class FloatResult:
    """A layer in float32: z and z~ float64 (P, n), mask bool (P, n); z~ is z where nothing is approximated."""

    z: NDArray[np.float64]
    z_noise: NDArray[np.float64]
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class Agreement:
    """How near two runs are.

    - `masks`: share of the neurons on whose being essential they agree.
    - `snr_noise_db`: of z~ everywhere; `snr_precise_db`: of z where both call the neuron essential. Power of
      the float values over that of the differences; infinite where nothing differs.
    """

    masks: float
    snr_noise_db: float
    snr_precise_db: float


def float_layer(module: nn.Module, x: Tensor, scheme: Scheme) -> FloatResult:
    """Run a converted or plain layer on float (1, C, H, W) or (1, features) under `scheme`."""
    if isinstance(module, WrappedLayer):
        set_scheme(module, scheme)
    with inference(module):
        bits = operand_bits(module, scheme)
        if not isinstance(module, NonEssentialLayer) or not scheme.approximates:
            dense = _rows(module(x))
            return FloatResult(dense, dense, np.ones(dense.shape, bool))
        rounded = module.precision.rounded_input(x, bits)
        z, z_noise = module.precision.output(module.inner, x, bits), module.approximate(rounded)
        mask = module.selector(module.scores(module.by_position(z_noise)))[0].numpy()
        return FloatResult(_rows(z), _rows(z_noise), mask)


def agreement(fixed: FixedResult, real: FloatResult, formats: Formats) -> Agreement:
    """Compare a layer's run in fixed point with its run in float, on the same input."""
    both = fixed.mask & real.mask
    noise_db = math.inf
    if fixed.z_noise is not None:
        noise_db = _snr_db(real.z_noise, to_values(fixed.z_noise, formats.z))
    return Agreement(
        masks=float((fixed.mask == real.mask).mean()),
        snr_noise_db=noise_db,
        snr_precise_db=_snr_db(real.z[both], to_values(fixed.z[both], formats.z)),
    )


def _snr_db(signal: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    error = float(np.square(signal - other).sum())
    power = float(np.square(signal).sum())
    return 10 * math.log10(power / error) if error and power else math.inf


def _rows(z: Tensor) -> NDArray[np.float64]:
    """A layer's output (1, n, h, w) or (1, n) as (P, n)."""
    rows: NDArray[np.float64] = z[0].flatten(1).T.double().numpy() if z.ndim == 4 else z.double().numpy()
    return rows
