"""Unstructured schemes: a share of the neurons gets noise, wherever they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

from accelsim.checked_values import fraction, shown
from accelsim.errors import AccelsimError
from accelsim.schemes.ranking import all_neurons, keep_largest
from accelsim.schemes.scheme import Quantile, Scheme, Series

Scope = Literal["image", "position", "calibrated"]

_NAME = re.compile(r"unstructured-([0-9]{1,3}(?:\.[0-9]{1,4})?)(?:-(position|calibrated))?")
_IN_LABEL = {"image": "", "position": ", per position", "calibrated": ", calibrated threshold"}


@dataclass(frozen=True)
class UnstructuredScheme(Scheme):
    """The neurons with the largest |z~| are essential. Ids: `unstructured-90`, `unstructured-87.5-position`.

    The number in the id is the per cent of neurons that get noise. Needs a selector of kind threshold; each row is a
    unit by itself.

    Args:
        noise: share of neurons that get noise, 0 to 1; kept to six decimals.
        scope: what that share holds over: each "image" (of a layer), each "position", or the "calibrated" set that a
            fixed threshold was chosen on, so that a single image may have more or fewer.
    """

    kind = "unstructured"
    title = "unstructured"
    example = "unstructured-90"
    example_note = "per cent noise; '-position' or '-calibrated' may follow"
    selector_kind = "threshold"
    colour = "#4477aa"
    symbol = "circle"
    order = 1

    noise: float
    scope: str = "image"

    def __post_init__(self) -> None:
        object.__setattr__(self, "noise", round(fraction("scheme: noise", self.noise), 6))
        if self.scope not in get_args(Scope):
            allowed = ", ".join(f"'{scope}'" for scope in get_args(Scope))
            raise AccelsimError(f"scheme: scope is {shown(self.scope)}; allowed: {allowed}")

    @classmethod
    def from_name(cls, name: str) -> Self | None:
        """Return the scheme for an id such as `unstructured-90` or `unstructured-87.5-position`; None for any other."""
        match = _NAME.fullmatch(name)
        return match and cls(round(float(match[1]) / 100, 6), match[2] or "image")

    @property
    def name(self) -> str:
        """`unstructured-` and the per cent of noise; then the scope, if it is not the image."""
        return f"{self.kind}-{self._percent}" + ("" if self.scope == "image" else f"-{self.scope}")

    @property
    def label(self) -> str:
        """Such as `90 % noise, unstructured`."""
        return f"{self._percent} % noise, unstructured{_IN_LABEL[self.scope]}"

    @property
    def _percent(self) -> str:
        return f"{round(self.noise * 100, 4):g}"

    @property
    def is_calibrated(self) -> bool:
        """Whether the scope is the calibrated set."""
        return self.scope == "calibrated"

    @property
    def figure5_series(self) -> Series | None:
        """The unstructured series, for a share that holds in each image."""
        return "unstructured" if self.scope == "image" else None

    def essential_mask(self, z_approx: Any, groups: int = 1, quantile: Quantile | None = None) -> Any:
        """Return True for the largest |z~| of each image or position, or those above the calibrated threshold."""
        magnitude = abs(z_approx)
        images, positions, n = magnitude.shape
        if self.scope == "image":
            keep = self._kept(n * positions)
            return keep_largest(magnitude.reshape(images, -1), keep).reshape(images, positions, n)
        if self.scope == "position":
            return keep_largest(magnitude, self._kept(n))
        if self.noise == 0:
            return all_neurons(magnitude, True)
        if quantile is None:
            raise AccelsimError(f"scheme {self.name}: needs a threshold that was calibrated")
        return magnitude >= quantile(self.noise)

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
