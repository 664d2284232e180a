"""The sequencer: which blocks are in flight, and which job the MVU takes next."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from accelsim.components.component import Action, Component
from accelsim.strict_model import Strict


class Sequencer(Strict):
    """`lookahead` blocks may be in flight besides the oldest; `mvu_order` picks among waiting MVU jobs."""

    lookahead: int = Field(
        ge=0,
        le=1024,
        description="Blocks in flight besides the oldest; patch and result buffer hold lookahead + 1 slots (S).",
    )
    mvu_order: Literal["approximate_first", "precise_first"] = Field(
        description="Which waiting job the MVU takes first when both kinds wait (section 5)."
    )


class SequencerUnit(Component):
    """Hands out the slots of patch and result buffer, and starts jobs by the rules of section 5, in the cycle they allow.

    It joins the units of the core, whose configuration registers and activity counters stand here too. Its gates are in no
    area (docs/energy.md, "Not modelled"), and it costs no cycle.
    """

    name = "sequencer"
    rtl = (
        "core.scheduler.Scheduler",
        "core.registers.ConfigRegisters",
        "core.counters.Counters",
        "core.rtl_core.Core",
        "core.rtl_chip.Chip",
    )
    actions = (
        Action("core_cycles", 0, "core cycles", "per layer: cores times its latency (section 6)"),
        Action(
            "barrier_cycles", 40, "core cycles", "section 6, summed over cores", in_rtl=False
        ),  # between cores, and there is one in the RTL
    )
