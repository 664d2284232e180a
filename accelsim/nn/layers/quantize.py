"""Symmetric integers, INT4 above all: codes -7..7, value = code * scale, gradients straight through."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

MAX_CODE = 7
"""-8 stays unused: a code and its negative both exist, so a sign-magnitude multiplier suffices."""


class _Codes(torch.autograd.Function):
    """round(x) clamped to -largest..largest, with the gradient 1 where no clamping took place and 0 elsewhere."""

    @staticmethod
    def forward(ctx: Any, scaled: Tensor, largest: int) -> Tensor:
        rounded = scaled.round()
        ctx.save_for_backward(rounded.abs() <= largest)
        return rounded.clamp(-largest, largest)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (inside,) = ctx.saved_tensors
        gradient: Tensor = grads[0] * inside
        return gradient, None


def rounded_codes(x: Tensor, scale: Tensor, largest: int) -> Tensor:
    """Codes of x as float integers in -largest..largest, same shape; `scale` (broadcast to x, positive) is a constant.

    Halves round to even. Times `scale` they equal torch.fake_quantize_per_tensor_affine(x, scale, 0, -largest, largest)
    bit for bit, in value and in gradient.
    """
    scaled = x * scale.reciprocal()
    if not (torch.is_grad_enabled() and scaled.requires_grad):
        return scaled.round_().clamp_(-largest, largest)
    codes: Tensor = _Codes.apply(scaled, largest)  # type: ignore[no-untyped-call]
    return codes


def int4_codes(x: Tensor, scale: Tensor) -> Tensor:
    """INT4 codes of x, -7..7, as `rounded_codes` makes them."""
    return rounded_codes(x, scale, MAX_CODE)


def best_scale(x: Tensor, steps: int = 60, largest: int = MAX_CODE) -> Tensor:
    """For each row of x (rows, values) the scale of least squared error with codes up to `largest`: float32 (rows,).

    Searched on `steps` scales from max|x| / largest down to a fifth of that: clipping the largest values is often
    worth finer steps for the others. A row of zeros gets scale 1.
    """
    widest = x.abs().amax(dim=1) / largest
    widest = torch.where(widest > 0, widest, torch.ones_like(widest))
    best, least = widest.clone(), torch.full_like(widest, torch.inf)
    for share in torch.linspace(1.0, 0.2, steps).tolist():
        scale = widest * share
        error = (rounded_codes(x, scale[:, None], largest) * scale[:, None] - x).square().sum(dim=1)
        better = error < least
        best, least = torch.where(better, scale, best), torch.where(better, error, least)
    return best.to(torch.float32)


def pack_int4(codes: Tensor) -> Tensor:
    """Codes -7..7 (any shape) as uint8 (ceil(count / 2),): two's complement nibbles, even index low."""
    nibbles = codes.reshape(-1).to(torch.int16) & 0xF
    if nibbles.numel() % 2:
        nibbles = torch.cat([nibbles, nibbles.new_zeros(1)])
    return (nibbles[0::2] | (nibbles[1::2] << 4)).to(torch.uint8)


def unpack_int4(packed: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The inverse of pack_int4: int8 of the given shape."""
    count = int(torch.Size(shape).numel())
    nibbles = torch.stack([packed & 0xF, packed >> 4], dim=1).reshape(-1)[:count].to(torch.int16)
    return torch.where(nibbles > MAX_CODE, nibbles - 16, nibbles).to(torch.int8).reshape(shape)
