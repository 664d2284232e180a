"""One layer under one scheme with its masks: what the mapping and the engines work on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import AccelsimError
from accelsim.schemes import BASELINE, Scheme
from accelsim.schemes.scheme import SelectorKind
from accelsim.trace.layer_shape import Approximation, LayerInfo, LayerShape
from accelsim.trace.packed_masks import (
    BoolMasks,
    PackedMasks,
    as_bool_masks,
    as_bool_spikes,
    check_packed,
    pack,
    padding_is_zero,
    unpack,
)


@dataclass(frozen=True, eq=False)
class LayerTrace:
    """A layer, its scheme, and the essential neurons of some images.

    image_ids: which images, as the data set numbers them; their count is `images`.
    masks: uint8 (images, positions, ceil(n / 8)), read-only, neuron i = bit i % 8 of byte i // 8, positions
        row-major (h_out, w_out); None when every neuron is precise (dense scheme or always-dense layer), or none is.
    spikes: uint8 (images, positions, ceil(d / 8)), read-only, input i = bit i % 8 of byte i // 8, positions
        in the order of time; of layers of kind "spiking", None for all others.
    checked: whether the caller has asked `check_packed` already, so that masks are not looked at twice.
    """

    name: str
    index: int
    shape: LayerShape
    approximation: Approximation | None
    scheme: Scheme
    image_ids: tuple[int, ...]
    masks: PackedMasks | None
    spikes: PackedMasks | None = None
    checked: InitVar[bool] = False

    def __post_init__(self, checked: bool) -> None:
        where = f"layer {self.name}, scheme {self.scheme.name}"
        self._check_spikes(where)
        info = LayerInfo(self.name, self.index, self.shape, self.approximation)
        if self.masks is None:
            if info.has_masks(self.scheme):
                raise AccelsimError(
                    f"{where}: masks are missing; only a layer that is dense or all noise has none"
                )
            return
        if not info.has_masks(self.scheme):
            raise AccelsimError(f"{where}: the layer is dense or all noise here, so masks must be None")
        wanted = (len(self.image_ids), self.shape.positions, self.shape.mask_bytes)
        if self.masks.shape != wanted or self.masks.dtype != np.uint8:
            raise AccelsimError(
                f"{where}: packed masks are {self.masks.dtype} {self.masks.shape}; allowed: uint8 {wanted}"
            )
        if not checked:
            check_packed(self.masks, self.shape, self.scheme, where)
        self.masks.setflags(write=False)

    @classmethod
    def from_masks(
        cls,
        name: str,
        shape: LayerShape,
        scheme: Scheme,
        bool_masks: NDArray[Any] | None,
        approximation: Approximation | None = None,
        *,
        index: int = 0,
        image_ids: Sequence[int] | None = None,
    ) -> Self:
        """Build one from a NumPy array, without a file.

        bool_masks: bool, or uint8 of 0 and 1, (images, positions, n), True = essential; None for a dense
            layer, whose images are then counted by `image_ids` (one image by default).
        Raises AccelsimError for a wrong shape or dtype, or masks that break a rule of the scheme.
        """
        where = f"layer {name}, scheme {scheme.name}"
        if approximation is not None:
            approximation.check_fits(shape)
        if bool_masks is None:
            return cls(name, index, shape, approximation, scheme, tuple(image_ids or (0,)), None)
        if approximation is None and scheme.has_masks:
            raise AccelsimError(f"{where}: masks need an approximation (k, nnz, seed); it is None")
        masks = as_bool_masks(bool_masks, shape, where)
        ids = tuple(range(len(masks)) if image_ids is None else image_ids)
        return cls(name, index, shape, approximation, scheme, ids, pack(masks))

    @classmethod
    def from_spikes(
        cls,
        name: str,
        shape: LayerShape,
        spikes: NDArray[Any],
        *,
        scheme: Scheme | None = None,
        index: int = 0,
        image_ids: Sequence[int] | None = None,
    ) -> Self:
        """A layer of kind "spiking" from a NumPy array: bool (images, steps, d), True = a spike.

        scheme: what the other layers run under; dense by default. Raises AccelsimError for a wrong shape or dtype.
        """
        bits = as_bool_spikes(spikes, shape, f"layer {name}")
        ids = tuple(range(len(bits)) if image_ids is None else image_ids)
        return cls(name, index, shape, None, scheme or BASELINE, ids, None, pack(bits))

    def _check_spikes(self, where: str) -> None:
        if not self.shape.has_spikes or self.spikes is None:
            if self.shape.has_spikes or self.spikes is not None:
                raise AccelsimError(f"{where}: layers of kind 'spiking', and no others, have input spikes")
            return
        wanted = (len(self.image_ids), self.shape.positions, self.shape.spike_bytes)
        if self.spikes.shape != wanted or self.spikes.dtype != np.uint8:
            raise AccelsimError(
                f"{where}: packed spikes are {self.spikes.dtype} {self.spikes.shape}; allowed: uint8 {wanted}"
            )
        if not padding_is_zero(self.spikes, self.shape.d):
            raise AccelsimError(f"{where}: a spike bit at or above input {self.shape.d} is set")
        self.spikes.setflags(write=False)

    @property
    def images(self) -> int:
        """Number of images."""
        return len(self.image_ids)

    @property
    def approximated(self) -> bool:
        """True if z~ of every neuron is made: the scheme approximates and the layer has an approximation."""
        return self.scheme.approximates and self.approximation is not None

    @property
    def is_dense(self) -> bool:
        """True if every neuron is computed precisely and nothing is approximated."""
        return not self.approximated

    @property
    def precise_bits(self) -> int:
        """Bits in which precise neurons are computed: 16, 8 or 4; 0 if every neuron keeps z~."""
        if self.approximated or self.scheme.is_dense:
            return self.scheme.precise_bits
        return 16

    @property
    def selector_kind(self) -> SelectorKind | None:
        """Kind of selector that the layer needs; None without masks."""
        return None if self.masks is None else self.scheme.selector_kind

    @property
    def rows_per_unit(self) -> int:
        """Rows that are kept together on a VPU (docs/machine.md, section 2); 1 without masks."""
        return 1 if self.masks is None else self.scheme.rows_per_unit

    def essential(self) -> BoolMasks:
        """The masks as bool (images, positions, n); all True when dense, all False where all is noise."""
        if self.masks is None:
            return np.full((self.images, self.shape.positions, self.shape.n), self.is_dense)
        return unpack(self.masks, self.shape.n)
