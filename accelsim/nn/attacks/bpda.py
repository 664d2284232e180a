"""Backward passes that differ from the forward pass (BPDA, Athalye et al. 2018), through quantization and mask.

A converted layer is differentiable straight through as it is: its INT4 codes pass gradients where nothing was clamped, and
its mask is a constant. What an attacker can do besides is to take the whole injected noise for the identity:
forward z', backward z, so that no clamped code and no coarse W~ hides the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from accelsim.nn.injection.conversion import non_essential_layers
from accelsim.nn.layers.non_essential import NonEssentialLayer


@contextmanager
def precise_backward(model: nn.Module) -> Iterator[None]:
    """Inside, converted layers give the same outputs, and gradients as if every neuron were precise."""
    with ExitStack() as hooks:
        for _, layer in non_essential_layers(model):
            hooks.enter_context(layer.register_forward_hook(_swap_gradient))
        yield


def _swap_gradient(layer: NonEssentialLayer, args: tuple[Any, ...], output: Tensor) -> Tensor | None:
    if not output.requires_grad:
        return None
    z: Tensor = layer.inner(args[0])
    return _Swap.apply(output, z)  # type: ignore[no-untyped-call, no-any-return]


class _Swap(torch.autograd.Function):
    """(value, path): the value, with the whole gradient to the path."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, path: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, Tensor]:
        return None, grads[0]
