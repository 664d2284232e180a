"""Whether the neurons that z~ calls essential are those of largest |z|: by projected weights, and by distilled ones."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.nn.base.inference import inference
from accelsim.nn.fixed_point.from_network import named_layer
from accelsim.nn.injection.conversion import replace_layer
from accelsim.nn.injection.distillation import distill
from accelsim.nn.layers.geometry import conv_patches
from accelsim.nn.layers.non_essential import NonEssentialConv2d, NonEssentialLayer
from accelsim.nn.layers.projection import Projection
from accelsim.schemes import Scheme, keep_largest

BATCH = 50


def shared_largest(z: Tensor, z_approx: Tensor, share: float) -> float:
    """Of the `share` of all values that are largest in |z|, how many are also largest in |z_approx|: 0 to 1.

    Both of one shape; ties go to the lower index. Guessing shares `share` of them. Raises AccelsimError where the
    shapes differ, or where `share` of them is no value.
    """
    keep = round(share * z.numel())
    if z.shape != z_approx.shape or not 0 < keep <= z.numel():
        raise AccelsimError(
            f"shared_largest: {share:g} of {tuple(z.shape)} against {tuple(z_approx.shape)}; "
            "needed: one shape, and a share of it"
        )
    true, found = (keep_largest(each.flatten().abs(), keep) for each in (z, z_approx))
    return float((true & found).sum()) / keep


def layer_inputs(model: nn.Module, name: str, images: Tensor) -> Tensor:
    """What layer `name` gets when `model` runs images: float (images, C, H, W), or (images, features).

    images: float (count, channels, h, w) as the model takes them. Raises AccelsimError for a name that is no layer.
    """
    seen: list[Tensor] = []

    def note(_: nn.Module, args: tuple[Any, ...]) -> None:
        seen.append(args[0])

    with inference(model), named_layer(model, name).register_forward_pre_hook(note):
        for batch in torch.split(images, BATCH):
            model(batch)
    return torch.cat(seen)


def patches(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """The inputs of every neuron of an ungrouped convolution on maps x (images, C, H, W): (images * positions, d)."""
    height, width = conv(x[:1]).shape[2:]
    place = torch.arange(height * width)
    return conv_patches(conv, x, place // width, place % width).flatten(0, 2)


def projected(conv: nn.Conv2d, x: Tensor, p: Tensor) -> Tensor:
    """Eqs. 4 to 6 as printed: z~ = <P x, P w> + b, in float, of every neuron; (images * positions, n). p: (k, d)."""
    z = (patches(conv, x) @ p.T) @ (conv.weight.flatten(1) @ p.T).T
    return z if conv.bias is None else z + conv.bias


def distilled(conv: nn.Conv2d, calibration: Tensor, k: int, seed: int) -> NonEssentialLayer:
    """The layer as it is built: ternary P of k rows, W~ and b~ distilled (Eq. 1) on maps of its inputs, then INT4.

    calibration: (images, C, H, W). `approximate` of the result is z~. `conv` stays as it is. Raises AccelsimError as
    `distill` does.
    """
    # A model of this layer alone, so that the networks' own distillation does it.
    alone = nn.Sequential(copy.deepcopy(conv))
    replace_layer(alone, "0", Projection("patch", k, seed=seed), Scheme.dense())
    distill(alone, torch.split(calibration, BATCH), seed=seed)
    layer = alone[0]
    assert isinstance(layer, NonEssentialConv2d)
    return layer
