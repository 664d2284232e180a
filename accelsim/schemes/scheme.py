"""`Scheme`: which neurons of a layer stay essential, and all that the rest of accelsim asks about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

SelectorKind = Literal["threshold", "nm"]
"""Kinds of selectors that a machine can have (`selector.kind` of its file)."""

Series = Literal["unstructured", "structured"]
"""The two series of Figure 5 that stand beside each other at each degree of noise."""

Quantile = Callable[[float], float]
"""From a degree of noise to the |z~| that this share of a layer's neurons lies below, over a calibration set."""

NOT_IN_HEADER: dict[str, Any] = {
    "scope": None,
    "keep": 0,
    "of": 0,
    "criterion": "magnitude",
    "precise_bits": 16,
}
"""What the header of a trace file holds, or means, for fields that a scheme's family does not have."""


class Scheme(ABC):
    """Which neurons of a layer stay essential (precise); all others get noise (their approximation z~).

    A family of schemes is one subclass: a frozen dataclass whose fields are the parameters in its id. `register` makes
    it known to accelsim. Built-in schemes come from `dense`, `unstructured`, `nm`; any from its id by `parse`.

    A family states, as class attributes:
        kind: its name: lower-case letters, digits and hyphens, as results and headers of traces store it.
        title: its name for people, in legends.
        example: the id of one of its schemes, for messages and completion; example_note: what to add in a message.
        selector_kind: the kind of selector that a machine must have to make its masks; None if any machine can.
        is_dense: whether nothing is approximated, so that traces hold no masks of it.
        has_masks: whether a trace holds masks of it; False where nothing, or everything, is approximated.
        rule_per_position: whether `check_masks` looks at each position by itself, and takes a `first_position` to count
            from, so that large images need not be unpacked whole.
        colour, symbol: of its points in charts (a symbol of Apache ECharts); order: its place among families.

    and for one scheme, as fields or properties:
        name: the id as typed, such as `nm-1of8`; unique, and `from_name` inverts it.
        label: the same for people.
        noise: share of neurons that get noise, 0 to 1.
        rows_per_unit: rows that the machine keeps together on a VPU and selects from as one unit.
        precise_bits: bits in which what is precise is computed: 16, 8 or 4; 0 where no neuron of an approximated layer is.
        criterion: by what neurons are ranked (`accelsim.schemes.selection_suffix.Criterion`).
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    example: ClassVar[str]
    example_note: ClassVar[str] = ""
    selector_kind: ClassVar[SelectorKind | None]
    is_dense: ClassVar[bool] = False
    has_masks: ClassVar[bool] = True
    rule_per_position: ClassVar[bool] = False
    colour: ClassVar[str] = "#228833"
    symbol: ClassVar[str] = "diamond"
    order: ClassVar[int] = 100

    if TYPE_CHECKING:
        # Properties for the type checker only: at run time they would stand in the way of dataclass fields.
        @property
        def noise(self) -> float: ...
        @property
        def scope(self) -> str | None: ...
        @property
        def keep(self) -> int: ...
        @property
        def of(self) -> int: ...
        @property
        def precise_bits(self) -> int: ...
        @property
        def criterion(self) -> str: ...

    def __getattr__(self, name: str) -> Any:
        """Return what the header means for a field that the family does not have: no scope, keep and of 0, 16 bits."""
        if name in NOT_IN_HEADER:
            return NOT_IN_HEADER[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    @classmethod
    @abstractmethod
    def from_name(cls, name: str) -> Self | None:
        """Return the scheme of this family with the id `name`; None if it is of another family.

        Raises:
            AccelsimError: if the id is of this family but one of its numbers is out of range.
        """

    @property
    @abstractmethod
    def name(self) -> str:
        """The id as typed."""

    @property
    def label(self) -> str:
        """The scheme for people."""
        return self.name

    @property
    def rows_per_unit(self) -> int:
        """Consecutive rows of a layer that are one unit of the mapping (docs/machine.md, section 2)."""
        return 1

    @property
    def approximates(self) -> bool:
        """Whether layers that have an approximation use it under the scheme."""
        return not self.is_dense

    @property
    def scales_scores(self) -> bool:
        """Whether z~ is scaled and shifted, by the batch norm that follows, before it is ranked."""
        return self.criterion.startswith("norm")

    @property
    def is_calibrated(self) -> bool:
        """Whether `essential_mask` compares with a threshold that was chosen on a calibration set."""
        return False

    @property
    def figure5_series(self) -> Series | None:
        """The series of Figure 5 that the scheme belongs to; None if the figure leaves it out."""
        return None

    @abstractmethod
    def essential_mask(self, z_approx: Any, groups: int = 1, quantile: Quantile | None = None) -> Any:
        """Return which neurons are essential.

        Write it once for both libraries: `abs`, `reshape` and comparisons work on either, and
        `accelsim.schemes.ranking` has the rest (`keep_largest`, `keep_n_of_m`, `all_neurons`).

        Args:
            z_approx: z~, float (images, positions, n): a NumPy array, or a PyTorch tensor of any device. Where
                `scales_scores` is True the caller has put it through the batch norm that follows.
            groups: groups of the convolution, each of n / groups consecutive channels.
            quantile: calibrated score by degree of noise; None where nothing is calibrated.

        Returns:
            bool of the same shape, library and device, True for an essential neuron.

        Raises:
            AccelsimError: if the scheme needs a `quantile` and there is none.
        """

    def essential_count(self, positions: int, n: int, groups: int) -> int | None:
        """Return how many neurons of one image of a layer are essential; None if only its masks can tell.

        Args:
            positions: output pixels of the layer.
            n: neurons (output channels) per position.
            groups: groups of the convolution.
        """
        return None

    def essential_per_run(self, n: int, groups: int) -> tuple[int, int] | None:
        """Return (size, kept) if exactly `kept` of each `size` consecutive neurons of a position are essential; else None.

        Masks in which this holds are not given to `check_masks`, since counting bits is quick.
        """
        return None

    # Most families have no such rule, so the method need not be written.
    def check_masks(self, masks: NDArray[np.bool_], groups: int, first_image: int = 0) -> None:  # noqa: B027
        """Raise AccelsimError if masks break a rule of the scheme that holds for each image by itself.

        Args:
            masks: bool (images, positions, n), True for an essential neuron.
            groups: groups of the convolution.
            first_image: the number that a message gives to masks[0].
        """

    @staticmethod
    def dense(precise_bits: int = 16) -> Scheme:
        """Return the scheme with every neuron precise, in 16, 8 or 4 bits; nothing is approximated or selected."""
        from accelsim.schemes.dense_scheme import DenseScheme

        return DenseScheme(precise_bits)

    @staticmethod
    def all_noise() -> Scheme:
        """Return the scheme in which every neuron keeps its approximation."""
        from accelsim.schemes.all_noise_scheme import AllNoiseScheme

        return AllNoiseScheme()

    @staticmethod
    def unstructured(
        noise: float, scope: str = "image", criterion: str = "magnitude", precise_bits: int = 16
    ) -> Scheme:
        """Return the scheme in which a fraction `noise` of the neurons, wherever they are, gets noise."""
        from accelsim.schemes.unstructured_scheme import UnstructuredScheme

        return UnstructuredScheme(noise, scope, criterion, precise_bits)

    @staticmethod
    def nm(keep: int, of: int, criterion: str = "magnitude", precise_bits: int = 16) -> Scheme:
        """Return the scheme with exactly `keep` essential neurons in every group of `of` output channels."""
        from accelsim.schemes.nm_scheme import NmScheme

        return NmScheme(keep, of, criterion, precise_bits)

    @staticmethod
    def parse(name: str) -> Scheme:
        """Return the scheme with an id, of any registered family; AccelsimError if there is none."""
        from accelsim.schemes.scheme_registry import parse_scheme

        return parse_scheme(name)
