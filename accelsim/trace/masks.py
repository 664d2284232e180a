"""Essential masks: packing to bits, and the rules that every mask must obey.

Packed masks are uint8 (images, positions, ceil(n / 8)), neuron i in bit i % 8 of byte i // 8 (little bit
order), the unused high bits of the last byte zero. True or 1 means essential (computed precisely).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import AccelsimError
from accelsim.trace.schema import LayerShape, Scheme

PackedMasks = NDArray[np.uint8]
BoolMasks = NDArray[np.bool_]


def check_form(masks: object, shape: LayerShape, where: str) -> None:
    """Raise AccelsimError unless `masks` is a bool or uint8 array (images >= 1, positions, n)."""
    if not isinstance(masks, np.ndarray):
        raise AccelsimError(f"{where}: masks is a {type(masks).__name__}; allowed: a NumPy array")
    if masks.ndim != 3 or masks.shape[1:] != (shape.positions, shape.n) or masks.shape[0] < 1:
        raise AccelsimError(
            f"{where}: masks have shape {masks.shape}; "
            f"allowed: (images, positions, n) = (1 or more, {shape.positions}, {shape.n})"
        )
    if masks.dtype not in (np.bool_, np.uint8):
        raise AccelsimError(f"{where}: masks are {masks.dtype}; allowed: bool, or uint8 holding 0 and 1")


def as_bool_masks(masks: NDArray[Any], shape: LayerShape, where: str) -> BoolMasks:
    """`masks` as bool (images, positions, n); raises AccelsimError for a wrong form or a uint8 above 1."""
    check_form(masks, shape, where)
    if masks.dtype == np.bool_:
        return masks
    if int(masks.max()) > 1:
        raise AccelsimError(f"{where}: masks hold {int(masks.max())}; allowed in uint8: 0 and 1")
    return masks.astype(np.bool_)


def pack(masks: BoolMasks) -> PackedMasks:
    """(images, positions, n) bool to (images, positions, ceil(n / 8)) uint8."""
    return np.packbits(masks, axis=-1, bitorder="little")


def unpack(packed: PackedMasks, n: int) -> BoolMasks:
    """The inverse of `pack`."""
    return np.unpackbits(packed, axis=-1, count=n, bitorder="little").astype(np.bool_)


def padding_is_zero(packed: PackedMasks, n: int) -> bool:
    """True if no bit at or above neuron n is set in the last byte."""
    return n % 8 == 0 or not np.any(packed[..., -1] >> (n % 8))


def check_structure(
    masks: BoolMasks, shape: LayerShape, scheme: Scheme, where: str, first_image: int = 0
) -> None:
    """For an N:M scheme: raise AccelsimError unless every group keeps exactly min(keep, members).

    first_image: the number that the message gives to masks[0].
    """
    if scheme.kind != "nm":
        return
    per_conv_group = shape.n // shape.groups
    full, rest = divmod(per_conv_group, scheme.of)
    by_conv_group = masks.reshape(*masks.shape[:2], shape.groups, per_conv_group)
    split = full * scheme.of
    whole_groups = by_conv_group[..., :split].reshape(*masks.shape[:2], shape.groups, full, scheme.of)
    kept_whole = np.count_nonzero(whole_groups, axis=-1)
    kept_rest = np.count_nonzero(by_conv_group[..., split:], axis=-1)
    for kept, size in ((kept_whole, scheme.of), (kept_rest, rest)):
        wanted = min(scheme.keep, size)
        wrong = np.argwhere(kept != wanted)
        if len(wrong):
            image, position, conv_group = (int(i) for i in wrong[0][:3])
            first = conv_group * per_conv_group + (int(wrong[0][3]) * size if size == scheme.of else split)
            place = f"image {first_image + image}, position {position}, channels {first}..{first + size - 1}"
            raise AccelsimError(
                f"{where}: {place}: {int(kept[tuple(wrong[0])])} essential; "
                f"{scheme.keep}:{scheme.of} needs exactly {wanted}"
            )
