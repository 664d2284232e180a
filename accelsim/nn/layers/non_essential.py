"""Convolution and linear layers that compute only their essential neurons precisely.

Paper (Liu et al., arXiv 2402.04325), section 3: z~ = W~ P x + b~ approximates z = W x + b; a mask m keeps
the neurons with the largest |z~|; the output is z * m + z~ * (1 - m) (Eq. 2).

The arithmetic of z~, for a reader who builds it in hardware. Everything right of the scales is integers:

    y_code_j = clamp(round((S x)_j / y_step), -7, 7)      S: signs of P; y_step = y_scale / sqrt(s / rows of P)
    z~_i     = y_scale * w_scale_i * sum_j w_code_ij * y_code_j  +  b_scale * b_code_i

With the form none S x is x and y_step is y_scale. With none and pixel the codes are made once per pixel, and z~ is the
same convolution as z over them (accelsim.nn.layers.projection has the forms).

w_scale is one per output row, y_scale and b_scale one per layer. All are chosen for least squared error
(accelsim.nn.layers.quantize.best_scale): w and b once on the distilled parameters, y on the projected
activations drawn from the first batch of calibration images; they are constants afterwards.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.nn.layers.precise_layer import WrappedLayer
from accelsim.nn.layers.projection import Projection, projection_scale
from accelsim.nn.layers.quantize import best_scale, int4_codes
from accelsim.nn.layers.select import Selector
from accelsim.schemes import Scheme
from accelsim.trace.layer_shape import Approximation


class Injection(nn.Module):
    """Eq. 2: what becomes of z and z~. accelsim.nn.injection.controls has others to compare it with."""

    def forward(self, layer: NonEssentialLayer, z: Tensor, z_approx: Tensor) -> Tensor:
        """The output of `layer`, shaped as z; gradients flow through both branches, the mask is a constant."""
        return torch.where(layer.essential(z_approx), z, z_approx)


class NonEssentialLayer(WrappedLayer, ABC):
    """What the convolution and the linear layer share: P, W~, b~, their INT4 codes, selection, Eq. 2.

    Attributes
    - `inner`: the wrapped layer, whose weights make the precise outputs.
    - `projection`: form, k, density and seed of P; `taps`: kernel elements, 1 of a linear layer.
    - `signs`: int8, the signs of P: (k, d) of a patch, (k / taps, d / taps) of a pixel, empty for the form none;
      shared by all groups of a grouped convolution.
    - `w_approx` (n, k), `b_approx` (n,): W~ and b~, trainable, float32.
    - `w_scale` (n,), `b_scale` (), `y_scale` (): INT4 scales; 0 until `quantize` has run.
    - `selector`: decides the mask; `selector.scheme` is the scheme in force.
    - `injection`: makes the output of z and z~.
    - `precision`: scales of operands of 8 and 4 bits.
    - `followed_by`: the batch norm that takes the layer's output, alone in a tuple; empty if none does; None until
      `distill` has looked. It stays a part of the network and is none of this layer.

    With a dense scheme the layer is the wrapped layer, in as many bits, and nothing is approximated.
    """

    signs: Tensor
    w_scale: Tensor
    b_scale: Tensor
    y_scale: Tensor

    def __init__(
        self,
        inner: nn.Module,
        n: int,
        d: int,
        taps: int,
        groups: int,
        projection: Projection,
        scheme: Scheme,
    ) -> None:
        super().__init__(inner)
        reference = next(inner.parameters())
        self.projection = projection
        self.taps = taps
        self.k = k = projection.k
        self.groups = groups
        signs = projection.signs(d, taps)
        self.nnz = int(signs.count_nonzero())
        self.register_buffer("signs", signs.to(reference.device), persistent=False)
        self.w_approx = nn.Parameter(torch.zeros(n, k, device=reference.device))
        self.b_approx = nn.Parameter(torch.zeros(n, device=reference.device))
        self.register_buffer("w_scale", torch.zeros(n, device=reference.device))
        self.register_buffer("b_scale", torch.zeros((), device=reference.device))
        self.register_buffer("y_scale", torch.zeros((), device=reference.device))
        self.selector = Selector(scheme, groups)
        self.injection: nn.Module = Injection()
        self.followed_by: tuple[nn.Module, ...] | None = None

    @property
    def approximation(self) -> Approximation:
        """The form, k, nnz(P), seed and density, as the trace file records them."""
        drawn = self.projection
        return Approximation(k=self.k, nnz=self.nnz, seed=drawn.seed, form=drawn.form, density=drawn.density)

    @property
    def y_unit(self) -> float:
        """What one step of a signed sum S x is worth in y: the factor that makes P of S, 1 for the form none."""
        return projection_scale(len(self.signs), self.projection.density) if len(self.signs) else 1.0

    @property
    def is_quantized(self) -> bool:
        """True once W~ and b~ are distilled and every scale is chosen."""
        return bool(self.b_scale > 0)

    @torch.no_grad()
    def set_approximation(self, w: Tensor, b: Tensor) -> None:
        """Take float W~ (n, k) and b~ (n,) as they come from distillation."""
        self.w_approx.copy_(w)
        self.b_approx.copy_(b)

    @torch.no_grad()
    def choose_y_scale(self, y: Tensor) -> None:
        """Fix y_scale from a sample of projected activations, y_unit * S x, float of any shape."""
        self.y_scale.copy_(best_scale(y.reshape(1, -1))[0])

    @torch.no_grad()
    def quantize(self) -> None:
        """One-time INT4 quantization of W~ and b~ in place (paper section 3.1)."""
        self.w_scale.copy_(best_scale(self.w_approx))
        self.b_scale.copy_(best_scale(self.b_approx[None])[0])
        self.w_approx.copy_(int4_codes(self.w_approx, self.w_scale[:, None]) * self.w_scale[:, None])
        self.b_approx.copy_(int4_codes(self.b_approx, self.b_scale) * self.b_scale)

    def w_codes(self) -> Tensor:
        """W~ as INT4 codes: float integers -7..7 (n, k), differentiable with respect to w_approx."""
        return int4_codes(self.w_approx, self.w_scale[:, None])

    def b_codes(self) -> Tensor:
        """b~ as INT4 codes: float integers -7..7 (n,), differentiable with respect to b_approx."""
        return int4_codes(self.b_approx, self.b_scale)

    def y_codes(self, x: Tensor) -> Tensor:
        """y = P x as INT4 codes: float integers -7..7, shaped as `signed_sums` returns them."""
        return int4_codes(self.signed_sums(x), self.y_scale / self.y_unit)

    def project(self, patches: Tensor) -> Tensor:
        """y = P x in float of patches (rows, groups, d): (rows, groups, k), in the order of W~'s columns.

        The rows of a weight matrix are patches too: their projection is W P^T.
        """
        if self.projection.form == "none":
            return patches
        signs = self.signs.to(patches.dtype)
        if self.projection.form == "patch":
            return patches @ signs.T * self.y_unit
        by_channel = patches.reshape(*patches.shape[:-1], -1, self.taps)
        return torch.einsum("rgct,jc->rgjt", by_channel, signs).flatten(2) * self.y_unit

    def from_projection(self, y: Tensor) -> Tensor:
        """z~ = W~ y + b~ of projected activations: y (rows, groups, k) to (rows, groups, n / groups)."""
        w = self.w_approx.reshape(self.groups, -1, self.k)
        return torch.einsum("rgk,gnk->rgn", y, w) + self.b_approx.reshape(self.groups, -1)

    @abstractmethod
    def signed_sums(self, x: Tensor) -> Tensor:
        """S x in float, of every position's patch or of every pixel of x: the projection unit's additions."""

    @abstractmethod
    def approximate(self, x: Tensor) -> Tensor:
        """z~ of every neuron, shaped as the layer's output."""

    @abstractmethod
    def by_position(self, z: Tensor) -> Tensor:
        """The layer's output as (images, positions, n)."""

    @abstractmethod
    def like_output(self, mask: Tensor, z: Tensor) -> Tensor:
        """A mask (images, positions, n) in the shape of the output z."""

    def forward(self, x: Tensor) -> Tensor:
        """Eq. 2, or what `injection` makes of it."""
        scheme = self.selector.scheme
        if not scheme.approximates:
            return self.precision.output(self.inner, x, scheme.precise_bits)
        if not self.is_quantized:
            raise AccelsimError("non-essential layer: W~ is not distilled yet; run distill first")
        # The whole map has the bits of the essential neurons' operands; z~ is computed from the same words.
        x = self.precision.rounded_input(x, scheme.precise_bits)
        z_approx = self.approximate(x)
        if not scheme.has_masks and type(self.injection) is Injection:
            return z_approx
        z = self.precision.output(self.inner, x, scheme.precise_bits)
        mixed: Tensor = self.injection(self, z, z_approx)
        return mixed

    def essential(self, z_approx: Tensor) -> Tensor:
        """The mask of the neurons that the scheme keeps, by its criterion: bool, shaped as z~, which is as the output."""
        return self.like_output(self.selector(self.scores(self.by_position(z_approx))), z_approx)

    def largest(self, values: Tensor) -> Tensor:
        """The mask of as many neurons, by the scheme's structure, but of the largest `values`, shaped as the output."""
        return self.like_output(self.selector(self.by_position(values)), values)

    def scores(self, z_approx: Tensor) -> Tensor:
        """What the scheme's criterion ranks, magnitude or value, of z~ (images, positions, n): z~ or BN(z~)."""
        return self.normalized(z_approx) if self.selector.scheme.scales_scores else z_approx

    def normalized(self, z_approx: Tensor) -> Tensor:
        """z~ (images, positions, n) after the batch norm that follows, in its evaluation mode; as it is if none does."""
        if self.followed_by is None:
            raise AccelsimError(
                "criterion norm: which batch norm follows a layer is not known; run distill first"
            )
        for norm in self.followed_by:
            scale, shift = batch_norm_line(norm)
            z_approx = z_approx * scale + shift
        return z_approx


def batch_norm_line(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Scale and shift (n,) of each channel of a batch norm in evaluation mode."""
    mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
    parameters = dict(norm.named_parameters())
    scale = (variance + norm.eps).rsqrt()  # type: ignore[operator]
    if "weight" in parameters:
        scale = scale * parameters["weight"]
    shift = -mean * scale
    return scale, shift + parameters["bias"] if "bias" in parameters else shift


class NonEssentialConv2d(NonEssentialLayer):
    """Wraps a torch.nn.Conv2d with zero padding: any stride, dilation, groups.

    Shapes: x (images, c_in, h, w) to (images, c_out, h_out, w_out); d = c_in / groups * kh * kw, in the
    order (channel, kernel row, kernel column).
    """

    inner: nn.Conv2d

    def __init__(self, inner: nn.Conv2d, projection: Projection, scheme: Scheme) -> None:
        d, taps = inner.weight[0].numel(), inner.weight[0, 0].numel()
        super().__init__(inner, inner.out_channels, d, taps, inner.groups, projection, scheme)

    def signed_sums(self, x: Tensor) -> Tensor:
        """(images, groups * k, h_out, w_out) of patches; (images, groups * k / taps, h, w) of pixels; x itself."""
        if self.projection.form == "none":
            return x
        signs = self.signs.to(x.dtype)
        if self.projection.form == "pixel":
            return F.conv2d(x, signs[:, :, None, None].repeat(self.groups, 1, 1, 1), groups=self.groups)
        weight = signs.reshape(self.k, *self.inner.weight.shape[1:]).repeat(self.groups, 1, 1, 1)
        return self._like_inner(x, weight)

    def approximate(self, x: Tensor) -> Tensor:
        codes, w = self.y_codes(x), self.w_codes()
        if self.projection.form == "patch":
            sums = F.conv2d(codes, w[:, :, None, None], groups=self.groups)
        else:
            # P of zero padding is zero, and so is its code: z~ is a convolution over the map of codes.
            kernel = self.inner.weight.shape[2:]
            sums = self._like_inner(codes, w.reshape(len(w), -1, *kernel))
        scale = (self.y_scale * self.w_scale)[:, None, None]
        return sums * scale + (self.b_scale * self.b_codes())[:, None, None]

    def _like_inner(self, x: Tensor, weight: Tensor) -> Tensor:
        """Convolve with another weight as the wrapped convolution does with its own."""
        conv = self.inner
        return F.conv2d(x, weight, None, conv.stride, conv.padding, conv.dilation, self.groups)

    def by_position(self, z: Tensor) -> Tensor:
        return z.permute(0, 2, 3, 1).flatten(1, 2)

    def like_output(self, mask: Tensor, z: Tensor) -> Tensor:
        images, n, h, w = z.shape
        return mask.reshape(images, h, w, n).permute(0, 3, 1, 2)


class NonEssentialLinear(NonEssentialLayer):
    """Wraps a torch.nn.Linear. Shapes: x (images, ..., in) to (images, ..., out); `...` are positions."""

    inner: nn.Linear

    def __init__(self, inner: nn.Linear, projection: Projection, scheme: Scheme) -> None:
        super().__init__(inner, inner.out_features, inner.in_features, 1, 1, projection, scheme)

    def signed_sums(self, x: Tensor) -> Tensor:
        """(images, ..., k)."""
        if self.projection.form == "none":
            return x
        return F.linear(x, self.signs.to(x.dtype))

    def approximate(self, x: Tensor) -> Tensor:
        sums = F.linear(self.y_codes(x), self.w_codes())
        return sums * (self.y_scale * self.w_scale) + self.b_scale * self.b_codes()

    def by_position(self, z: Tensor) -> Tensor:
        return z.reshape(len(z), -1, z.shape[-1])

    def like_output(self, mask: Tensor, z: Tensor) -> Tensor:
        return mask.reshape(z.shape)
