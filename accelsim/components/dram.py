"""DRAM: where weights are loaded from, off the chip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from accelsim.components.component import Action, Charge, Component
from accelsim.components.price import Price, Tariff
from accelsim.strict_model import Strict

if TYPE_CHECKING:
    from accelsim.config import Machine


class Dram(Strict):
    """Off-chip memory that weights are loaded from, energy in pJ per bit; `source` says whose figure."""

    bytes_per_cycle: int = Field(
        ge=1, le=1 << 20, description="Bytes that arrive per cycle, for all cores together."
    )
    latency_cycles: int = Field(ge=0, le=1_000_000, description="Cycles from a request to its first byte.")
    pj_per_bit: float = Field(ge=0, le=10_000, description="Energy per bit read, pJ; changes no cycle.")
    source: str = Field(min_length=1, max_length=2000, description="Where the energy figure is from.")


def _bit_price(machine: Machine, tariff: Tariff) -> Price:
    assert machine.dram is not None
    return Price.of("dram", "dram", machine.dram.pj_per_bit)


class DramChannel(Component):
    """One channel for all cores: loads the weights of the tiles, one tile at a time, in order (section 6).

    A load takes ``latency_cycles`` and its bytes at ``bytes_per_cycle``, beside the tile before it if both fit into the
    slices. Energy per bit is the machine's own figure. The RTL ends at the weight SRAM's port.
    """

    name = "dram"
    actions = (
        Action("dram_bits", 39, "bits", "per tile, once (not per core): its bits, if there is DRAM"),
        Action("dram_cycles", 41, "core cycles", "section 6, summed over cores"),
    )
    charges = (Charge("dram", "dram", 33, {"dram_bits": _bit_price}, "`dram_bits` x `dram.pj_per_bit`"),)

    def is_in(self, machine: Machine) -> bool:
        """Return whether weights come from DRAM."""
        return machine.dram is not None
