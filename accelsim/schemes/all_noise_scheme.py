"""The scheme without essential neurons: a network that is computed in 4 bits wherever it is approximated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from accelsim.schemes.ranking import all_neurons
from accelsim.schemes.scheme import Quantile, Scheme


@dataclass(frozen=True)
class AllNoiseScheme(Scheme):
    """Every neuron of an approximated layer keeps z~. Id `noise-100`; needs a projection, but no selector.

    Nothing is selected and nothing of the layer is computed precisely, so a trace holds no masks of it.
    """

    kind = "all-noise"
    title = "100 % noise"
    example = "noise-100"
    selector_kind = None
    has_masks = False
    precise_bits = 0
    colour = "#aa3377"
    symbol = "pin"
    order = 3

    @property
    def noise(self) -> float:
        """Every neuron gets noise."""
        return 1.0

    @classmethod
    def from_name(cls, name: str) -> Self | None:
        """Return the scheme for the id `noise-100`, None for any other."""
        return cls() if name == cls.example else None

    @property
    def name(self) -> str:
        """`noise-100`."""
        return self.example

    @property
    def label(self) -> str:
        """`100 % noise`."""
        return self.title

    def essential_mask(self, z_approx: Any, groups: int = 1, quantile: Quantile | None = None) -> Any:
        """Return a mask in which no neuron is essential."""
        return all_neurons(z_approx, False)

    def essential_count(self, positions: int, n: int, groups: int) -> int:
        """Return 0."""
        return 0
