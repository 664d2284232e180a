"""Seeded augmentation: flip, padded crop, and the reduced sizes of a progressive-resizing schedule."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def augment(images: Tensor, size: int, padding: int, generator: torch.Generator) -> Tensor:
    """Flip half of the images, crop each at a random offset after zero padding, then shrink to `size`.

    Shapes: images float (count, channels, side, side); result (count, channels, size, size), channels-last.
    All draws come from `generator`, on the CPU; the images may be elsewhere. padding 0 leaves the crop out.
    """
    count, _, side, _ = images.shape
    flip = torch.rand(count, generator=generator) < 0.5
    images = torch.where(flip[:, None, None, None].to(images.device), images.flip(3), images)
    if padding:
        padded = F.pad(images, (padding,) * 4)
        windows = padded.unfold(2, side, 1).unfold(3, side, 1)
        offset = torch.randint(0, 2 * padding + 1, (2, count), generator=generator)
        images = windows[torch.arange(count), :, offset[0], offset[1]]
    return resize(images, size).contiguous(memory_format=torch.channels_last)


def resize(images: Tensor, size: int) -> Tensor:
    """Square images at another size, antialiased; unchanged when the size fits already."""
    if images.shape[-1] == size:
        return images
    return F.interpolate(images, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
