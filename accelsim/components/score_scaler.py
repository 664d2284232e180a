"""The score scaler: the batch norm that follows a layer, folded into a scale and a shift of each z~ before selection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelsim.components.component import Action, Charge, Component, LogicPart, event_price
from accelsim.components.price import Price, Tariff

if TYPE_CHECKING:
    from accelsim.config import Machine

_ROW_WORDS = 4
"""Words of 16 bits of a row's scale and shift."""


def _scalers(machine: Machine) -> int:
    """Return the outputs that the selector takes in a cycle."""
    selector = machine.selector
    assert selector is not None
    return (
        selector.comparators if selector.kind == "threshold" else selector.groups_per_cycle * selector.max_of
    )


def _row_price(machine: Machine, tariff: Tariff) -> Price:
    return _ROW_WORDS * tariff.event("ring_write")


class ScoreScaler(Component):
    """One scaler in front of every input of the selector: multiplies z~ by the row's scale, shifts, rounds, saturates.

    It works as a requantizer does and is priced as one. The scale and the shift of a row, 64 bits, come from registers
    that are priced by what is read; their area is left out (docs/energy.md, "Not modelled"). It takes no cycle of its own:
    a machine states a longer ``latency_cycles`` of its selector.
    """

    name = "score_scaler"
    rtl = ("blocks.score.ScoreScaler",)
    actions = (
        Action(
            "scaled_scores",
            56,
            "outputs",
            "q * n_tile where the scheme ranks z~ after a batch norm, else 0",
            job="select",
        ),
    )
    parts = (LogicPart("score_scalers", "requantizer", _scalers, "`comparators`, or `groups_per_cycle` x M"),)
    charges = (
        Charge(
            "score_scaling",
            "compute",
            41,
            {"scaled_scores": event_price("requantize")},
            "`scaled_scores` x `requantize`",
        ),
        Charge(
            "score_registers",
            "registers",
            42,
            {"scaled_scores": _row_price},
            "`scaled_scores` x 4 words x `ring_write`",
        ),
    )

    def is_in(self, machine: Machine) -> bool:
        """Return whether the machine has a selector with ``scales``."""
        return machine.selector is not None and machine.selector.scales
