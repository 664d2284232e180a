"""How alike the essential neurons of different images are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accelsim.trace.layer_trace import LayerTrace


def overlap(layer: LayerTrace) -> NDArray[np.float64]:
    """Jaccard index of every two images' essential neurons, (images, images): those in both, of those in either.

    1 where the sets are equal (also where both are empty), so 1 on the diagonal; 0 where they share nothing.
    """
    # float64 sums of ones are exact, and a matrix product of them is fast.
    essential = layer.essential().reshape(layer.images, -1).astype(np.float64)
    both = essential @ essential.T
    count = essential.sum(axis=1)
    either = count[:, None] + count[None, :] - both
    found: NDArray[np.float64] = np.divide(both, either, out=np.ones_like(both), where=either > 0)
    return found


def chance_overlap(share: float) -> float:
    """The index to expect of two sets that each hold ``share`` of many neurons, drawn independently."""
    return share / (2 - share)
