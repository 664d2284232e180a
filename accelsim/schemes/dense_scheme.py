"""The dense schemes: without noise, in 16 bits (the baseline), 8 or 4."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from accelsim.checked_values import shown
from accelsim.errors import AccelsimError
from accelsim.schemes.ranking import all_neurons
from accelsim.schemes.scheme import Quantile, Scheme

_BY_NAME = {"dense": 16, "dense-16": 16, "dense-8": 8, "dense-4": 4}


@dataclass(frozen=True)
class DenseScheme(Scheme):
    """Every neuron precise; nothing is projected, approximated or selected. Ids `dense` (16 bits), `dense-8`, `dense-4`.

    The last two are the same network quantized after training: weights with a scale for each output channel, activations
    with one for each layer. Any machine runs `dense`; the others need their bits in `mvu.precise_bits`.

    Args:
        precise_bits: bits of weights and activations: 16, 8 or 4.
    """

    kind = "dense"
    title = "dense"
    example = "dense"
    example_note = "'-8' or '-4', bits, may follow"
    selector_kind = None
    is_dense = True
    has_masks = False
    colour = "#777777"
    symbol = "rect"
    order = 0

    precise_bits: int = 16

    def __post_init__(self) -> None:
        if isinstance(self.precise_bits, bool) or self.precise_bits not in _BY_NAME.values():
            raise AccelsimError(f"scheme: precise_bits is {shown(self.precise_bits)}; allowed: 16, 8, 4")

    @property
    def noise(self) -> float:
        """No neuron gets noise."""
        return 0.0

    @classmethod
    def from_name(cls, name: str) -> Self | None:
        """Return the scheme for `dense` (or `dense-16`, the same), `dense-8`, `dense-4`; None for any other id."""
        return cls(_BY_NAME[name]) if name in _BY_NAME else None

    @property
    def name(self) -> str:
        """`dense`, and the bits if they are not 16."""
        return self.kind + ("" if self.precise_bits == 16 else f"-{self.precise_bits}")

    def essential_mask(self, z_approx: Any, groups: int = 1, quantile: Quantile | None = None) -> Any:
        """Return a mask in which every neuron is essential."""
        return all_neurons(z_approx, True)

    def essential_count(self, positions: int, n: int, groups: int) -> int:
        """Return the number of all neurons."""
        return positions * n


BASELINE: Scheme = DenseScheme()
"""What costs are relative to; every trace has it, since it needs no masks."""
