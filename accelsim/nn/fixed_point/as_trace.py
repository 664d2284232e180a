"""A layer's run in fixed point as the engines take it: geometry and masks, without the numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accelsim.nn.fixed_point.layer_operands import CoreOperands, KeepLargest
from accelsim.schemes import AllNoiseScheme, DenseScheme, NmScheme, UnstructuredScheme
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
        return LayerTrace.from_masks(name, shape, DenseScheme(layer.precise_bits), None)
    selection, bits = layer.noise.selection, layer.precise_bits
    approximation = Approximation(k=layer.k, nnz=layer.nnz, seed=0, form=layer.noise.form)
    if selection is None:
        return LayerTrace.from_masks(name, shape, AllNoiseScheme(), None, approximation)
    criterion = _CRITERIA[layer.noise.scale is not None, layer.noise.signed]
    scheme: Scheme
    if isinstance(selection, KeepLargest):
        scheme = NmScheme(selection.keep, selection.of, criterion, bits)
    else:
        scheme = UnstructuredScheme(1 - float(mask.mean()), "calibrated", criterion, bits)
    return LayerTrace.from_masks(name, shape, scheme, mask[None], approximation)


_CRITERIA = {
    (False, False): "magnitude",
    (False, True): "signed",
    (True, False): "norm",
    (True, True): "normsigned",
}
"""Criterion of a scheme by whether scores are scaled, and signed."""
