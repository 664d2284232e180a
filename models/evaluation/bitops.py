"""BitOPs of an image of what is evaluated, by the accounting of accelsim.bitops."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from accelsim.bitops.accounting import BitOps, layer_bitops
from accelsim.nn.trace_export import layers_in_order
from accelsim.trace import LayerInfo
from models.evaluation.run import Subject
from models.evaluation.variants import Variant


def network_layers(subject: Subject, image: Tensor) -> list[LayerInfo]:
    """The layers of one image (1, channels, h, w), as a trace would list them."""
    found = layers_in_order(subject.model, image)
    return [LayerInfo(name, index, *what) for index, (name, what) in enumerate(found.items())]


def variant_bitops(layers: Sequence[LayerInfo], variant: Variant) -> int | None:
    """Per image; None where the accounting has no word for it: nothing saved, or a share that only masks tell.

    Random layers of baselines are not counted (accelsim.bitops.paper_comparison has what the paper adds for them).
    """
    shapes, scheme = [layer.shape for layer in layers], variant.scheme
    counts = [scheme.essential_count(shape.positions, shape.n, shape.groups) for shape in shapes]
    if variant.control == "gaussian" or None in counts:
        return None
    return sum((layer_bitops(layer, variant.scheme) for layer in layers), BitOps()).total
