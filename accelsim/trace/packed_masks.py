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
        _check_runs(masks, shape, scheme, first_image)
        essential = np.count_nonzero(masks.reshape(len(masks), -1), axis=1)
        _check_counts(essential, shape, scheme, first_image)
    except AccelsimError as error:
        raise AccelsimError(f"{where}: {error}") from error


def check_packed(
    masks: PackedMasks, shape: LayerShape, scheme: Scheme, where: str, first_image: int = 0
) -> None:
    """Raise AccelsimError if packed masks have a bit set behind the last neuron, or break a rule of the scheme.

    Whatever reads masks asks this, so that nothing runs what `accelsim check` refuses. Counting bits settles most masks;
    others are unpacked piece by piece.

    first_image: the number that the message gives to masks[0].
    """
    if not padding_is_zero(masks, shape.n):
        raise AccelsimError(f"{where}: a mask bit at or above neuron {shape.n} is set")
    try:
        run = scheme.essential_per_run(shape.n, shape.groups)
        if run is not None and _runs_hold(masks.reshape(-1, shape.mask_bytes), shape.n, *run):
            return
        if run is not None or type(scheme).check_masks is not Scheme.check_masks:
            _check_unpacked(masks, shape, scheme, first_image)
        _check_counts(essential_counts(masks), shape, scheme, first_image)
    except AccelsimError as error:
        raise AccelsimError(f"{where}: {error}") from error


def essential_counts(masks: PackedMasks) -> NDArray[np.int64]:
    """Return how many bits of each image are set, int64 (images,)."""
    words = _as_words(masks.reshape(len(masks), -1))
    counts: NDArray[np.int64] = np.bitwise_count(words).sum(axis=1, dtype=np.int64)
    return counts


def _check_counts(essential: NDArray[Any], shape: LayerShape, scheme: Scheme, first_image: int) -> None:
    wanted = scheme.essential_count(shape.positions, shape.n, shape.groups)
    if wanted is None:
        return
    wrong = np.flatnonzero(essential != wanted)
    if len(wrong):
        image = int(wrong[0])
        raise AccelsimError(
            f"image {first_image + image}: {int(essential[image])} of {shape.positions * shape.n} neurons essential; "
            f"{scheme.name} needs exactly {wanted}"
        )


def _check_runs(
    masks: BoolMasks, shape: LayerShape, scheme: Scheme, first_image: int, first_position: int = 0
) -> None:
    run = scheme.essential_per_run(shape.n, shape.groups)
    if run is None:
        return
    size, wanted = run
    images, positions, n = masks.shape
    kept = np.count_nonzero(masks.reshape(images, positions, n // size, size), axis=-1)
    wrong = np.argwhere(kept != wanted)
    if len(wrong):
        image, position, place = (int(i) for i in wrong[0])
        raise AccelsimError(
            f"image {first_image + image}, position {first_position + position}, channels {place * size}.."
            f"{place * size + size - 1}: {int(kept[image, position, place])} essential; "
            f"{scheme.name} needs exactly {wanted}"
        )


def _check_unpacked(masks: PackedMasks, shape: LayerShape, scheme: Scheme, first_image: int) -> None:
    """Ask the scheme, with some positions of an image unpacked at a time where that is enough."""
    per_position = scheme.rule_per_position or type(scheme).check_masks is Scheme.check_masks
    step = max(1, _UNPACKED_BYTES // shape.n) if per_position else shape.positions
    ask: Any = scheme.check_masks
    for image, packed in enumerate(masks, first_image):
        for start in range(0, shape.positions, step):
            piece = unpack(packed[None, start : start + step], shape.n)
            # Only rules of positions by themselves are asked for a part of an image, and count from `start`.
            ask(piece, shape.groups, image, *([start] if scheme.rule_per_position else []))
            _check_runs(piece, shape, scheme, image, start)


def _runs_hold(rows: PackedMasks, n: int, size: int, kept: int) -> bool:
    """Return whether each run of `size` neurons keeps `kept`; False also where only unpacked masks can tell quickly."""
    if size == n:
        counts = np.bitwise_count(_as_words(rows)).sum(axis=1, dtype=np.int64)
        return bool((counts == kept).all())
    if n % 8 == 0 and size in _FIELDS:
        flat = np.ascontiguousarray(rows).reshape(-1)
        rest = len(flat) % 8
        tail = np.zeros(8, np.uint8)
        tail[:rest] = flat[len(flat) - rest :]
        words = flat[: len(flat) - rest].view(np.uint64)
        same = _FIELDS[size] * np.uint64(kept)
        # In pieces that stay in the cache.
        for start in range(0, len(words), _PIECE_WORDS):
            if (_bits_per_field(words[start : start + _PIECE_WORDS], size) != same).any():
                return False
        in_tail = _bits_per_field(tail.view(np.uint64), size).view(np.uint8)[:rest]
        return bool((in_tail == same.reshape(1).view(np.uint8)[:rest]).all())
    if n % 8 == 0 and size in _WORDS:
        return bool((np.bitwise_count(np.ascontiguousarray(rows).view(_WORDS[size])) == kept).all())
    return False


def _bits_per_field(words: NDArray[np.uint64], size: int) -> NDArray[np.uint64]:
    """Return, in each field of `size` bits (1, 2, 4 or 8) of 64-bit words, how many of its bits are set."""
    counts = words
    for width in (1, 2, 4):
        if width < size:
            low = _FIELDS[2 * width] * np.uint64((1 << width) - 1)
            counts = (counts & low) + (counts >> np.uint64(width) & low)
    return counts


def _as_words(rows: PackedMasks) -> NDArray[Any]:
    """Return the rows as 64-bit words where they fill them: bits are counted faster."""
    return np.ascontiguousarray(rows).view(np.uint64) if rows.shape[1] % 8 == 0 else rows


_UNPACKED_BYTES = 1 << 20
_PIECE_WORDS = 1 << 12
_FIELDS = {size: np.uint64((2**64 - 1) // (2**size - 1)) for size in (1, 2, 4, 8)}
"""A 1 in each field of so many bits of a 64-bit word."""
_WORDS = {16: np.uint16, 32: np.uint32, 64: np.uint64}
