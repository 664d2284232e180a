"""BitOPs of a trace, from its masks, and of a simulation, from its counts: the same numbers by two ways."""

from __future__ import annotations

from accelsim.bitops.accounting import (
    APPROXIMATE_MAC,
    PRECISE_MAC,
    PROJECTION_ADDITION,
    BitOps,
    layer_bitops,
    mac,
)
from accelsim.counts import Counts
from accelsim.errors import AccelsimError
from accelsim.image_batches import image_batches
from accelsim.mapping.operand import bricks_per_product
from accelsim.trace import LayerInfo, LayerTrace, TraceFile
from accelsim.trace.layer_shape import SPIKING_KINDS
from accelsim.trace.packed_masks import essential_counts


def layer_trace_bitops(layer: LayerTrace) -> BitOps:
    """BitOPs of all images of a layer together, its essential neurons counted from the masks.

    Raises AccelsimError for layers of spiking neurons: BitOPs are of products, and a spike is an addition.
    """
    if layer.shape.kind in SPIKING_KINDS:
        raise AccelsimError(
            f"layer {layer.name}: BitOPs are not defined for layers of kind {layer.shape.kind}"
        )
    info = LayerInfo(layer.name, layer.index, layer.shape, layer.approximation)
    images = range(len(layer.image_ids))
    if layer.masks is None:
        return sum((layer_bitops(info, layer.scheme) for _ in images), BitOps())
    essential = essential_counts(layer.masks)
    return sum((layer_bitops(info, layer.scheme, int(essential[i])) for i in images), BitOps())


def trace_bitops(trace: TraceFile, scheme: str, images: slice | None = None) -> BitOps:
    """BitOPs of all layers of the chosen images (None: all) of a trace under one of its schemes, added up.

    Raises AccelsimError where the trace lacks the scheme or an image, or is damaged.
    """
    names = [layer.name for layer in trace.layers]
    first, stop, _ = (images or slice(None)).indices(len(trace.image_ids))
    parts = image_batches(trace, names, range(first, stop)) if first < stop else [range(first, stop)]
    layers = (
        trace.layer(name, scheme, images=slice(part.start, part.stop)) for part in parts for name in names
    )
    return sum((layer_trace_bitops(layer) for layer in layers), BitOps())


def counted_bitops(counts: Counts) -> BitOps:
    """BitOPs of what a simulation counted. Exact: a MAC in 16 bits fires 16 bricks, one in 8 bits 4, one in 4 bits 1."""
    macs, rest = divmod(counts.brick_ops_16bit, bricks_per_product(16))
    macs_8bit, rest_8bit = divmod(counts.brick_ops_8bit, bricks_per_product(8))
    assert not rest and not rest_8bit
    return BitOps(
        precise=macs * PRECISE_MAC + macs_8bit * mac(8),
        approximate=counts.brick_ops_4bit * APPROXIMATE_MAC,
        projection=counts.projection_additions * PROJECTION_ADDITION,
    )
