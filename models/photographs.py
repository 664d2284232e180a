"""Small real images without a data set: crops of the two photographs that come with scikit-learn."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from accelsim.errors import AccelsimError

SHRUNK = (4, 2, 1)
"""How many pixels of a side become one: crops show whole things, parts, and texture."""


def photograph_crops(side: int = 32) -> Tensor:
    """Crops that do not overlap within one size of a photograph: float32 (crops, 3, side, side) in [0, 1].

    Coarsest first, the two photographs in turn within a size. Needs scikit-learn (extra `notebooks`). Raises
    AccelsimError without it, or for a side that is below 1 or larger than the smallest size of the photographs.
    """
    try:
        from sklearn.datasets import load_sample_images
    except ImportError:
        raise AccelsimError("photographs: need scikit-learn; pip install '.[notebooks]'") from None
    photographs = [torch.tensor(image).permute(2, 0, 1) / 255 for image in load_sample_images().images]
    smallest = min(min(image.shape[1:]) // SHRUNK[0] for image in photographs)
    if not 1 <= side <= smallest:
        raise AccelsimError(f"photographs: side is {side}, must be 1 to {smallest}")
    return torch.cat([_crops(F.avg_pool2d(image, by), side) for by in SHRUNK for image in photographs])


def _crops(image: Tensor, side: int) -> Tensor:
    """(3, h, w) to (crops, 3, side, side), row by row; what is left over at the right and below is dropped."""
    tiles = image.unfold(1, side, side).unfold(2, side, side)
    return tiles.permute(1, 2, 0, 3, 4).flatten(0, 1)
