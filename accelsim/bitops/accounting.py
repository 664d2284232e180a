"""What a layer costs in BitOPs, from its shape, its approximation and how many of its neurons are essential.

The paper (caption of its Figure 5): 16 BitOPs = one 4-bit multiplication = four 4-bit additions. So a multiplication of
b bits takes b^2 BitOPs (every bit meets every bit) and an addition of b bits takes b. A 16-bit
multiplication is then the 16 4-bit ones that the machine makes it of. A multiply-accumulate is one of each.
"""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.errors import AccelsimError
from accelsim.trace import Approximation, LayerInfo, LayerShape, Scheme


def multiplication(bits: int) -> int:
    """BitOPs of one multiplication of two numbers of `bits` bits."""
    return bits * bits


def addition(bits: int) -> int:
    """BitOPs of one addition of two numbers of `bits` bits."""
    return bits


def mac(bits: int) -> int:
    """BitOPs of one multiply-accumulate of two numbers of `bits` bits."""
    return multiplication(bits) + addition(bits)


PRECISE_MAC = mac(16)
APPROXIMATE_MAC = mac(4)
PROJECTION_ADDITION = addition(16)


@dataclass(frozen=True, slots=True)
class BitOps:
    """Exact BitOPs by what they are spent on: MACs in 16 and 8 bits, MACs in 4 bits, additions of P x in 16 bits."""

    precise: int = 0
    approximate: int = 0
    projection: int = 0

    @property
    def total(self) -> int:
        """All three."""
        return self.precise + self.approximate + self.projection

    def __add__(self, other: BitOps) -> BitOps:
        return BitOps(
            self.precise + other.precise,
            self.approximate + other.approximate,
            self.projection + other.projection,
        )


def essential_neurons(shape: LayerShape, scheme: Scheme) -> int:
    """Return how many neurons of one image of a layer `scheme` keeps precise, without looking at any image.

    Raises AccelsimError where only the masks can tell, as with a calibrated threshold.
    """
    count = scheme.essential_count(shape.positions, shape.n, shape.groups)
    if count is None:
        raise AccelsimError(
            f"bitops: scheme {scheme.name}: how many neurons it keeps depends on the images; "
            "count the masks of a trace instead"
        )
    return count


def layer_bitops(layer: LayerInfo, scheme: Scheme, essential: int | None = None) -> BitOps:
    """BitOPs of one image of a layer; `essential` of its neurons are precise (None: as many as the scheme says).

    A layer that is dense under the scheme is all precise MACs, in the scheme's bits if the scheme is dense, else in 16.
    """
    shape = layer.shape
    if layer.is_dense(scheme):
        bits = scheme.precise_bits if scheme.is_dense else 16
        spent = shape.macs * mac(bits)
        return BitOps(approximate=spent) if bits == 4 else BitOps(precise=spent)
    approximation = layer.approximation
    assert approximation is not None
    if essential is None:
        essential = essential_neurons(shape, scheme)
    # One P for all groups of a grouped convolution, applied to the inputs of each: to patches, or to every input pixel.
    projected = shape.h_in * shape.w_in if approximation.form == "pixel" else shape.positions
    return BitOps(
        precise=essential * shape.d * mac(scheme.precise_bits) if essential else 0,
        approximate=shape.positions * shape.n * approximation.k * APPROXIMATE_MAC,
        projection=projected * shape.groups * approximation.nnz * PROJECTION_ADDITION,
    )


def with_k_ratio(layer: LayerInfo, k_ratio: float) -> LayerInfo:
    """The layer with another P: k = round(k_ratio * d), at least 1, and as many entries as s = 3 gives on average.

    An always-dense layer stays one. Raises AccelsimError unless 0 < k_ratio <= 1.
    """
    if not 0.0 < k_ratio <= 1.0:
        raise AccelsimError(f"bitops: k_ratio is {k_ratio}, must be above 0 and at most 1")
    if layer.approximation is None:
        return layer
    k = max(1, round(k_ratio * layer.shape.d))
    approximation = Approximation(k=k, nnz=round(k * layer.shape.d / 3), seed=layer.approximation.seed)
    return LayerInfo(layer.name, layer.index, layer.shape, approximation)
