"""The dense scheme: the baseline, without noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from accelsim.schemes.ranking import all_neurons
from accelsim.schemes.scheme import Quantile, Scheme


@dataclass(frozen=True)
class DenseScheme(Scheme):
    """Every neuron precise; nothing is projected, approximated or selected. Id `dense`; runs on any machine."""

    kind = "dense"
    title = "dense"
    example = "dense"
    selector_kind = None
    is_dense = True
    colour = "#777777"
    symbol = "rect"
    order = 0

    @property
    def noise(self) -> float:
        """No neuron gets noise."""
        return 0.0

    @classmethod
    def from_name(cls, name: str) -> Self | None:
        """Return the scheme for the id `dense`, None for any other."""
        return cls() if name == cls.kind else None

    @property
    def name(self) -> str:
        """`dense`."""
        return self.kind

    def essential_mask(self, z_approx: Any, groups: int = 1, quantile: Quantile | None = None) -> Any:
        """Return a mask in which every neuron is essential."""
        return all_neurons(z_approx, True)

    def essential_count(self, positions: int, n: int, groups: int) -> int:
        """Return the number of all neurons."""
        return positions * n


BASELINE: Scheme = DenseScheme()
"""What costs are relative to; every trace has it, since it needs no masks."""
