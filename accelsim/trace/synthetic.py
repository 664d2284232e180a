"""Synthetic traces: seeded random masks, for tests, benchmarks and people without torch.

Nothing here looks at a network. Real masks cluster in ways these do not: never report a synthetic trace's
cycles as a network's. Files carry network "synthetic" unless named otherwise, and no weights' hash.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from accelsim.checked_values import fraction, whole
from accelsim.errors import AccelsimError
from accelsim.schemes import Scheme
from accelsim.trace.layer_shape import MAX_SEED, Approximation, LayerShape
from accelsim.trace.layer_trace import LayerTrace
from accelsim.trace.packed_masks import BoolMasks
from accelsim.trace.writer import TraceWriter

PATCH = 4
"""Side, in positions, of the squares that a correlated draw shares its coarse part over."""

SyntheticLayers = Mapping[str, tuple[LayerShape, Approximation | None]]

SMALL_NETWORK: SyntheticLayers = {
    "conv1": (
        LayerShape(kind="conv", c_in=3, c_out=16, kernel=(3, 3), padding=(1, 1), h_in=16, w_in=16),
        Approximation(k=8, nnz=72, seed=1),
    ),
    "conv2": (
        LayerShape(
            kind="conv", c_in=16, c_out=32, kernel=(3, 3), stride=(2, 2), padding=(1, 1), h_in=16, w_in=16
        ),
        Approximation(k=32, nnz=1536, seed=2),
    ),
    "conv3": (
        LayerShape(kind="conv", c_in=32, c_out=44, kernel=(1, 1), h_in=8, w_in=8),
        Approximation(k=16, nnz=170, seed=3),
    ),
    "fc": (LayerShape.linear(44, 10), None),
}
"""Four layers, the last always dense; 44 channels are no multiple of 8."""


def synthetic_masks(
    shape: LayerShape, scheme: Scheme, *, images: int = 1, seed: int = 0, correlation: float = 0.0
) -> BoolMasks:
    """Random essential masks, bool (images, positions, n), that obey the scheme exactly.

    Every neuron gets a normal random z~, of which the scheme makes the mask (no batch norm follows). A calibrated threshold
    is the matching quantile of the normal distribution.

    correlation: 0..1, the share of the magnitude's variance that a channel's neighbours within a
        4 x 4 square of positions have in common; 0 draws all neurons independently.
    Raises AccelsimError for a scheme without masks or a number out of range.
    """
    if not scheme.has_masks:
        raise AccelsimError(f"synthetic masks: scheme {scheme.name} has no masks")
    images = whole("synthetic masks: images", images, 1, 1 << 31)
    quantile = _normal_quantile if scheme.criterion.endswith("signed") else _magnitude_quantile
    rng = np.random.default_rng(whole("synthetic masks: seed", seed, 0, MAX_SEED))
    share = fraction("synthetic masks: correlation", correlation)
    masks = np.empty((images, shape.positions, shape.n), np.bool_)
    for image in range(images):
        z_approx = _draw(shape, share, rng)
        masks[image] = scheme.essential_mask(z_approx[None], shape.groups, quantile)[0]
    return masks


def synthetic_layer_trace(
    shape: LayerShape,
    scheme: Scheme,
    approximation: Approximation | None = None,
    *,
    name: str = "synthetic",
    index: int = 0,
    images: int = 1,
    seed: int = 0,
    correlation: float = 0.0,
) -> LayerTrace:
    """A LayerTrace with `synthetic_masks`, or with none if the scheme has none.

    approximation: by default k = max(1, d // 8) and a third of P not zero.
    """
    if approximation is None and scheme.approximates:
        k = max(1, shape.d // 8)
        approximation = Approximation(k=k, nnz=k * shape.d // 3, seed=seed)
    if not scheme.has_masks:
        return LayerTrace.from_masks(
            name, shape, scheme, None, approximation, index=index, image_ids=range(images)
        )
    masks = synthetic_masks(shape, scheme, images=images, seed=seed, correlation=correlation)
    return LayerTrace.from_masks(name, shape, scheme, masks, approximation, index=index)


def write_synthetic_trace(
    path: str | os.PathLike[str],
    schemes: Sequence[Scheme],
    layers: SyntheticLayers = SMALL_NETWORK,
    *,
    images: int = 1,
    seed: int = 0,
    correlation: float = 0.0,
    network: str = "synthetic",
    overwrite: bool = False,
) -> Path:
    """Write a trace file of `synthetic_masks` and return its path.

    The masks of one (layer, image) are drawn from a seed derived from `seed`, the layer's index and the
    image, so that schemes see the same magnitudes, as they do in a real network.
    """
    place = Path(path)
    with TraceWriter(
        place,
        network=network,
        dataset="synthetic",
        image_ids=range(images),
        seeds={"masks": seed},
        notes=f"random masks, not a network's; correlation {correlation}",
        overwrite=overwrite,
    ) as writer:
        for name, (shape, approximation) in layers.items():
            writer.add_layer(name, shape, approximation)
        for scheme in schemes:
            writer.add_scheme(scheme)
            if not scheme.has_masks:
                continue
            for index, (name, (shape, approximation)) in enumerate(layers.items()):
                if approximation is None:
                    continue
                for image in range(images):
                    drawn = int(np.random.SeedSequence([seed, index, image]).generate_state(1)[0])
                    writer.write(
                        scheme, name, synthetic_masks(shape, scheme, seed=drawn, correlation=correlation)
                    )
    return place


def _draw(shape: LayerShape, share: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return z~ of one image, (positions, n), standard normal."""
    z = rng.standard_normal((shape.h_out, shape.w_out, shape.n))
    if share > 0.0:
        coarse = rng.standard_normal((-(-shape.h_out // PATCH), -(-shape.w_out // PATCH), shape.n))
        spread = coarse.repeat(PATCH, axis=0).repeat(PATCH, axis=1)[: shape.h_out, : shape.w_out]
        z = np.sqrt(1.0 - share) * z + np.sqrt(share) * spread
    return z.reshape(shape.positions, shape.n)


def _normal_quantile(noise: float) -> float:
    """Return the z that a share `noise` of a standard normal distribution lies below."""
    if noise in (0.0, 1.0):
        return math.inf if noise else -math.inf
    return NormalDist().inv_cdf(noise)


def _magnitude_quantile(noise: float) -> float:
    """Return the |z| that a share `noise` of a standard normal distribution lies below."""
    kept = 1.0 - noise
    return NormalDist().inv_cdf(1.0 - kept / 2.0) if kept > 0.0 else math.inf
