"""The geometry of layers as the trace records it, and input patches at chosen output positions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.trace.layer_shape import LayerShape


def symmetric_padding(conv: nn.Conv2d) -> tuple[int, int]:
    """Pixels of padding on each side as (height, width).

    Raises AccelsimError where padding 'same' would pad two opposite sides differently.
    """
    if not isinstance(conv.padding, str):
        return conv.padding[0], conv.padding[1]
    if conv.padding == "valid":
        return 0, 0
    pairs = zip(conv.dilation, conv.kernel_size, strict=True)
    height, width = (dilation * (kernel - 1) for dilation, kernel in pairs)
    if height % 2 or width % 2:
        raise AccelsimError("padding 'same' pads two opposite sides differently; they must be equal")
    return height // 2, width // 2


def layer_shape(layer: nn.Module, x: Tensor) -> LayerShape:
    """LayerShape of a Conv2d on x (images, c_in, h, w) or a Linear on x (images, in).

    Raises AccelsimError for any other layer or input.
    """
    if isinstance(layer, nn.Conv2d) and x.ndim == 4:
        return LayerShape(
            kind="conv",
            c_in=layer.in_channels,
            c_out=layer.out_channels,
            kernel=(layer.kernel_size[0], layer.kernel_size[1]),
            stride=(layer.stride[0], layer.stride[1]),
            padding=symmetric_padding(layer),
            dilation=(layer.dilation[0], layer.dilation[1]),
            groups=layer.groups,
            h_in=x.shape[2],
            w_in=x.shape[3],
        )
    if isinstance(layer, nn.Linear) and x.ndim == 2:
        return LayerShape.linear(layer.in_features, layer.out_features)
    raise AccelsimError(
        f"{type(layer).__name__} on an input of {x.ndim} axes; a trace holds Conv2d on (images, channels, "
        "height, width) and Linear on (images, features)"
    )


def conv_patches(conv: nn.Conv2d, x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The inputs of the output pixels (rows[s], columns[s]) of every image.

    Shapes: x (images, c_in, h, w), rows and columns int64 (samples,); result (images, samples, groups, d),
    d in the order (channel, kernel row, kernel column), zeros where the kernel reaches into the padding.
    """
    vertical, horizontal = symmetric_padding(conv)
    padded = F.pad(x, (horizontal, horizontal, vertical, vertical))
    y = rows[:, None] * conv.stride[0] + torch.arange(conv.kernel_size[0]) * conv.dilation[0]
    column = columns[:, None] * conv.stride[1] + torch.arange(conv.kernel_size[1]) * conv.dilation[1]
    patches = padded[:, :, y[:, :, None], column[:, None, :]]
    return patches.permute(0, 2, 1, 3, 4).reshape(len(x), len(rows), conv.groups, -1)
