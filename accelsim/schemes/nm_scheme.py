"""N:M schemes: as many essential neurons in every group of output channels."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from accelsim.checked_values import whole
from accelsim.errors import AccelsimError
from accelsim.schemes.ranking import keep_n_of_m
from accelsim.schemes.scheme import Quantile, Scheme, Series
from accelsim.schemes.selection_suffix import PATTERN, check, from_match, in_label, in_name, ranked

MAX_GROUP_SIZE = 1024
PAPERS_GROUP_SIZE = 8
"""Figure 5 of the paper shows structured schemes with groups of this size."""

_NAME = re.compile(r"nm-([0-9]{1,9})of([0-9]{1,9})" + PATTERN)


@dataclass(frozen=True)
class NmScheme(Scheme):
    """In every group of `of` consecutive output channels, the `keep` with the largest |z~| are essential.

    Ids: `nm-1of8`, `nm-1of8-signed-8bit`.

    Groups restart at every group of a grouped convolution; a partial last group of m members keeps min(keep, m).
    Needs a selector of kind nm with `max_of` of at least `of`; a group of rows is one unit.

    Args:
        keep: essential neurons of each group, 1 to `of`.
        of: neurons of a group, 1 to 1,024.
        criterion: by what neurons are ranked: "magnitude", "signed", "norm", "normsigned".
        precise_bits: bits in which essential neurons are computed: 16 or 8.
    """

    kind = "nm"
    title = "structured (N:M)"
    example = "nm-1of8"
    example_note = "kept; '-signed', '-norm' or '-normsigned', '-8bit' may follow"
    selector_kind = "nm"
    rule_per_position = True
    colour = "#ee7733"
    symbol = "triangle"
    order = 2

    keep: int
    of: int
    criterion: str = "magnitude"
    precise_bits: int = 16
    noise: float = field(init=False)

    def __post_init__(self) -> None:
        of = whole("scheme: of", self.of, 1, MAX_GROUP_SIZE)
        keep = whole("scheme: keep", self.keep, 1, of)
        check(self.criterion, self.precise_bits)
        for name, value in (("of", of), ("keep", keep), ("noise", 1 - keep / of)):
            object.__setattr__(self, name, value)

    @classmethod
    def from_name(cls, name: str) -> Self | None:
        """Return the scheme for an id such as `nm-1of8`; None for any other."""
        match = _NAME.fullmatch(name)
        return match and cls(int(match[1]), int(match[2]), *from_match(match.groupdict()))

    @property
    def name(self) -> str:
        """`nm-` and what is kept of how many; then criterion and bits, if they are not the default."""
        return f"{self.kind}-{self.keep}of{self.of}{in_name(self.criterion, self.precise_bits)}"

    @property
    def label(self) -> str:
        """Such as `1:8 kept (noise 7:8)`."""
        more = in_label(self.criterion, self.precise_bits)
        return f"{self.keep}:{self.of} kept (noise {self.of - self.keep}:{self.of}){more}"

    @property
    def rows_per_unit(self) -> int:
        """A group of rows is one unit."""
        return self.of

    @property
    def figure5_series(self) -> Series | None:
        """The structured series, for magnitudes in groups of the paper's size, computed in 16 bits."""
        usual = (self.of, self.criterion, self.precise_bits) == (PAPERS_GROUP_SIZE, "magnitude", 16)
        return "structured" if usual else None

    def essential_mask(self, z_approx: Any, groups: int = 1, quantile: Quantile | None = None) -> Any:
        """Return True for the largest scores of each group."""
        return keep_n_of_m(ranked(z_approx, self.criterion), self.keep, self.of, groups)

    def essential_count(self, positions: int, n: int, groups: int) -> int:
        """Return the sum over whole and partial groups."""
        whole_groups, rest = divmod(n // groups, self.of)
        return positions * groups * (whole_groups * self.keep + min(self.keep, rest))

    def essential_per_run(self, n: int, groups: int) -> tuple[int, int] | None:
        """Return the size of a group and what it keeps, if whole groups fill a position."""
        return (self.of, self.keep) if n // groups % self.of == 0 else None

    def check_masks(
        self, masks: NDArray[np.bool_], groups: int, first_image: int = 0, first_position: int = 0
    ) -> None:
        """Raise AccelsimError unless every group keeps exactly min(keep, members)."""
        images, positions, n = masks.shape
        per_conv_group = n // groups
        full, rest = divmod(per_conv_group, self.of)
        split = full * self.of
        by_conv_group = masks.reshape(images, positions, groups, per_conv_group)
        whole_groups = by_conv_group[..., :split].reshape(images, positions, groups, full, self.of)
        kept_whole = np.count_nonzero(whole_groups, axis=-1)
        kept_rest = np.count_nonzero(by_conv_group[..., split:], axis=-1)
        for kept, size in ((kept_whole, self.of), (kept_rest, rest)):
            wanted = min(self.keep, size)
            wrong = np.argwhere(kept != wanted)
            if len(wrong):
                image, position, conv_group = (int(i) for i in wrong[0][:3])
                in_group = int(wrong[0][3]) * size if size == self.of else split
                first = conv_group * per_conv_group + in_group
                raise AccelsimError(
                    f"image {first_image + image}, position {first_position + position}, "
                    f"channels {first}..{first + size - 1}: "
                    f"{int(kept[tuple(wrong[0])])} essential; {self.keep}:{self.of} needs exactly {wanted}"
                )
