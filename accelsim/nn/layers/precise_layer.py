"""Precise outputs in 16, 8 or 4 bits: what wraps a Conv2d or Linear, approximated or not.

z = W x + b, where 8 and 4 bits are a network quantized after training: W and x are integers times a scale, one scale for
each output channel of W and one for the layer's x, symmetric (-127..127, -7..7). b stays float. 16 bits are float32 here:
words of 16 bits change next to nothing (docs/machine.md, section 11; accelsim.nn.fixed_point).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call

from accelsim.errors import AccelsimError
from accelsim.nn.layers.quantize import best_scale, rounded_codes
from accelsim.schemes import Scheme

FEW_BITS = (8, 4)
"""Bits of an operand that need scales."""


def largest_code(bits: int) -> int:
    """Largest integer of `bits` bits that a symmetric scale uses."""
    return (1 << (bits - 1)) - 1


class Precision(nn.Module):
    """The scales of one layer's operands. Empty until `calibrate` has run.

    Attributes: `x_scales` float32 (2,), `w_scales` float32 (2, n), both of 8 and of 4 bits.
    """

    x_scales: Tensor
    w_scales: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("x_scales", torch.empty(0))
        self.register_buffer("w_scales", torch.empty(0))

    @property
    def is_calibrated(self) -> bool:
        """True once the scales are chosen."""
        return len(self.x_scales) > 0

    @torch.no_grad()
    def calibrate(self, inner: nn.Module, x_scales: Tensor) -> None:
        """Take the scales of x (2,), of 8 and 4 bits, and choose those of W for least squared error."""
        rows = inner.get_parameter("weight").detach().flatten(1)
        self.x_scales = x_scales
        self.w_scales = torch.stack([best_scale(rows, largest=largest_code(bits)) for bits in FEW_BITS])

    def scale_of_x(self, bits: int) -> Tensor:
        """The scale () of x in `bits` bits; AccelsimError if there is none yet."""
        if not self.is_calibrated:
            raise AccelsimError(
                f"a layer has no scales for operands of {bits} bits; run calibrate_precision, or make its checkpoint "
                "again by accelsim prepare"
            )
        return self.x_scales[FEW_BITS.index(bits)]

    def scales_of_w(self, bits: int) -> Tensor:
        """The scales (n,) of W in `bits` bits, once calibrated."""
        return self.w_scales[FEW_BITS.index(bits)]

    def x_codes(self, x: Tensor, bits: int) -> Tensor:
        """x as integers of `bits` bits, float, shaped as x."""
        return rounded_codes(x, self.scale_of_x(bits), largest_code(bits))

    def w_codes(self, inner: nn.Module, bits: int) -> Tensor:
        """The weight of a layer as integers of `bits` bits, float, shaped as the weight."""
        weight = inner.get_parameter("weight")
        scales = self.scales_of_w(bits).reshape(-1, *[1] * (weight.ndim - 1))
        return rounded_codes(weight, scales, largest_code(bits))

    def rounded_input(self, x: Tensor, bits: int) -> Tensor:
        """x as its codes stand for it; x itself in 16 bits, or where nothing is precise (0)."""
        return self.x_codes(x, bits) * self.scale_of_x(bits) if bits in FEW_BITS else x

    def output(self, inner: nn.Module, x: Tensor, bits: int) -> Tensor:
        """What the layer `inner` makes of x with operands of so many bits."""
        if bits not in FEW_BITS:
            z: Tensor = inner(x)
            return z
        x = self.rounded_input(x, bits)
        scales = self.scales_of_w(bits).reshape(-1, *[1] * (inner.get_parameter("weight").ndim - 1))
        rounded: Tensor = functional_call(inner, {"weight": self.w_codes(inner, bits) * scales}, (x,))
        return rounded


class WrappedLayer(nn.Module):
    """A layer of the original network, `inner`, with the scales of its operands, `precision`."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.precision = Precision()


class PreciseLayer(WrappedLayer):
    """A Conv2d or Linear without an approximation: 16 bits under noise schemes, as many as it says under a dense one.

    Attributes: `scheme`, the one in force.
    """

    def __init__(self, inner: nn.Module, scheme: Scheme) -> None:
        super().__init__(inner)
        self.scheme = scheme

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output."""
        bits = 16 if self.scheme.approximates else self.scheme.precise_bits
        return self.precision.output(self.inner, x, bits)
