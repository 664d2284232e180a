"""A layer's run in fixed point as the engines take it: geometry and masks, without the numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accelsim.nn.fixed_point.layer_operands import CoreOperands, KeepLargest
from accelsim.trace import Approximation, LayerShape, LayerTrace, Scheme


def as_layer_trace(layer: CoreOperands, mask: NDArray[np.bool_], name: str = "layer") -> LayerTrace:
    """One image of one layer. ``mask``: bool (P, n), as `fixed_point_layer(layer)` decides; without meaning if dense.

    A threshold becomes the scheme `unstructured` of the noise that it gave, of scope `calibrated`: a fixed
    threshold is no promise on the share.
    """
    channels, height, width = layer.x.shape
    shape = LayerShape(
        kind="conv",
        c_in=channels,
        c_out=layer.n,
        kernel=layer.kernel,
        stride=layer.stride,
        padding=layer.padding,
        h_in=height,
        w_in=width,
    )
    if layer.noise is None:
        return LayerTrace.from_masks(name, shape, Scheme.dense(), None)
    selection = layer.noise.selection
    if isinstance(selection, KeepLargest):
        scheme = Scheme.nm(keep=selection.keep, of=selection.of)
    else:
        scheme = Scheme.unstructured(noise=1 - float(mask.mean()), scope="calibrated")
    approximation = Approximation(k=layer.k, nnz=layer.nnz, seed=0)
    return LayerTrace.from_masks(name, shape, scheme, mask[None], approximation)
