"""Essential masks and input spikes: packing to bits, and the rules that they must obey.

Packed masks are uint8 (images, positions, ceil(n / 8)), neuron i in bit i % 8 of byte i // 8 (little bit
order), the unused high bits of the last byte zero. True or 1 means essential (computed precisely). Spikes are packed
alike, with the d inputs in place of the n neurons.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import AccelsimError
from accelsim.schemes import Scheme
from accelsim.trace.layer_shape import LayerShape

PackedMasks = NDArray[np.uint8]
BoolMasks = NDArray[np.bool_]


def check_form(masks: object, shape: LayerShape, where: str) -> None:
    """Raise AccelsimError unless `masks` is a bool or uint8 array (images >= 1, positions, n)."""
    _check_form(masks, "masks", "n", (shape.positions, shape.n), where)


def as_bool_masks(masks: NDArray[Any], shape: LayerShape, where: str) -> BoolMasks:
    """`masks` as bool (images, positions, n); raises AccelsimError for a wrong form or a uint8 above 1."""
    check_form(masks, shape, where)
    return _as_bool(masks, "masks", where)


def check_spike_form(spikes: object, shape: LayerShape, where: str) -> None:
    """Raise AccelsimError unless the layer has spikes, and these are a bool or uint8 array (images >= 1, steps, d)."""
    if not shape.has_spikes:
        raise AccelsimError(f"{where}: a layer of kind {shape.kind} has no input spikes")
    _check_form(spikes, "spikes", "d", (shape.positions, shape.d), where)


def as_bool_spikes(spikes: NDArray[Any], shape: LayerShape, where: str) -> BoolMasks:
    """`spikes` as bool (images, steps, d); raises AccelsimError for a wrong form or a uint8 above 1."""
    check_spike_form(spikes, shape, where)
    return _as_bool(spikes, "spikes", where)


def _check_form(bits: object, what: str, last: str, wanted: tuple[int, int], where: str) -> None:
    if not isinstance(bits, np.ndarray):
        raise AccelsimError(f"{where}: {what} is a {type(bits).__name__}; allowed: a NumPy array")
    if bits.ndim != 3 or bits.shape[1:] != wanted or bits.shape[0] < 1:
        raise AccelsimError(
            f"{where}: {what} have shape {bits.shape}; "
            f"allowed: (images, positions, {last}) = (1 or more, {wanted[0]}, {wanted[1]})"
        )
    if bits.dtype not in (np.bool_, np.uint8):
        raise AccelsimError(f"{where}: {what} are {bits.dtype}; allowed: bool, or uint8 holding 0 and 1")


def _as_bool(bits: NDArray[Any], what: str, where: str) -> BoolMasks:
    if bits.dtype == np.bool_:
        return bits
    if int(bits.max()) > 1:
        raise AccelsimError(f"{where}: {what} hold {int(bits.max())}; allowed in uint8: 0 and 1")
    return bits.astype(np.bool_)


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
    """Raise AccelsimError if bool masks (images, positions, n) break a rule of the scheme.

    first_image: the number that the message gives to masks[0].
    """
    try:
        scheme.check_masks(masks, shape.groups, first_image)
    except AccelsimError as error:
        raise AccelsimError(f"{where}: {error}") from error
