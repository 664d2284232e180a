"""Unstructured schemes: a share of the neurons gets noise, wherever they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

from accelsim.checked_values import fraction, shown
from accelsim.errors import AccelsimError
from accelsim.schemes.ranking import all_neurons, keep_largest
from accelsim.schemes.scheme import Quantile, Scheme, Series
from accelsim.schemes.selection_suffix import PATTERN, check, from_match, in_label, in_name, ranked

Scope = Literal["image", "position", "calibrated"]

_NAME = re.compile(r"unstructured-([0-9]{1,3}(?:\.[0-9]{1,4})?)(?:-(position|calibrated))?" + PATTERN)
_IN_LABEL = {"image": "", "position": ", per position", "calibrated": ", calibrated threshold"}


@dataclass(frozen=True)
class UnstructuredScheme(Scheme):
    """The neurons with the largest |z~| are essential. Ids: `unstructured-90`, `unstructured-87.5-position-signed-8bit`.

    The number in the id is the per cent of neurons that get noise. Needs a selector of kind threshold; each row is a
    unit by itself.

    Args:
        noise: share of neurons that get noise, 0 to 1; kept to six decimals.
        scope: what that share holds over: each "image" (of a layer), each "position", or the "calibrated" set that a
            fixed threshold was chosen on, so that a single image may have more or fewer.
        criterion: by what neurons are ranked: "magnitude", "signed", "norm", "normsigned".
        precise_bits: bits in which essential neurons are computed: 16 or 8.
    """

    kind = "unstructured"
    title = "unstructured"
    example = "unstructured-90"
    example_note = "per cent noise; '-position' or '-calibrated', '-signed', '-norm' or '-normsigned', '-8bit' may follow"
    selector_kind = "threshold"
    colour = "#4477aa"
    symbol = "circle"
    order = 1

    noise: float
    scope: str = "image"
    criterion: str = "magnitude"
    precise_bits: int = 16

    def __post_init__(self) -> None:
        object.__setattr__(self, "noise", round(fraction("scheme: noise", self.noise), 6))
        if self.scope not in get_args(Scope):
            allowed = ", ".join(f"'{scope}'" for scope in get_args(Scope))
            raise AccelsimError(f"scheme: scope is {shown(self.scope)}; allowed: {allowed}")
        check(self.criterion, self.precise_bits)

    @classmethod
    def from_name(cls, name: str) -> Self | None:
        """Return the scheme for an id such as `unstructured-90` or `unstructured-87.5-position`; None for any other."""
        match = _NAME.fullmatch(name)
        return match and cls(
            round(float(match[1]) / 100, 6), match[2] or "image", *from_match(match.groupdict())
        )

    @property
    def name(self) -> str:
        """`unstructured-` and the per cent of noise; then what is not the default: scope, criterion, bits."""
        scope = "" if self.scope == "image" else f"-{self.scope}"
        return f"{self.kind}-{self._percent}{scope}{in_name(self.criterion, self.precise_bits)}"

    @property
    def label(self) -> str:
        """Such as `90 % noise, unstructured`."""
        more = _IN_LABEL[self.scope] + in_label(self.criterion, self.precise_bits)
        return f"{self._percent} % noise, unstructured{more}"

    @property
    def _percent(self) -> str:
        return f"{round(self.noise * 100, 4):g}"

    @property
    def is_calibrated(self) -> bool:
        """Whether the scope is the calibrated set."""
        return self.scope == "calibrated"

    @property
    def figure5_series(self) -> Series | None:
        """The unstructured series, for a share of magnitudes that holds in each image, computed in 16 bits."""
        usual = (self.scope, self.criterion, self.precise_bits) == ("image", "magnitude", 16)
        return "unstructured" if usual else None

    def essential_mask(self, z_approx: Any, groups: int = 1, quantile: Quantile | None = None) -> Any:
        """Return True for the largest scores of each image or position, or those above the calibrated threshold."""
        scores = ranked(z_approx, self.criterion)
        images, positions, n = scores.shape
        if self.scope == "image":
            keep = self._kept(n * positions)
            return keep_largest(scores.reshape(images, -1), keep).reshape(images, positions, n)
        if self.scope == "position":
            return keep_largest(scores, self._kept(n))
        if self.noise == 0:
            return all_neurons(scores, True)
        if quantile is None:
            raise AccelsimError(f"scheme {self.name}: needs a threshold that was calibrated")
        return scores >= quantile(self.noise)

    def essential_count(self, positions: int, n: int, groups: int) -> int | None:
        """Return the rounded share of the neurons; None for a calibrated threshold."""
        if self.scope == "calibrated":
            return None
        return self._kept(positions * n) if self.scope == "image" else positions * self._kept(n)

    def essential_per_run(self, n: int, groups: int) -> tuple[int, int] | None:
        """Return what a position keeps, if the share holds for each position."""
        return (n, self._kept(n)) if self.scope == "position" else None

    def _kept(self, neurons: int) -> int:
        return round((1 - self.noise) * neurons)
