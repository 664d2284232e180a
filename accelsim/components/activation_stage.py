"""The activation stage: ReLU on every word that the output port writes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from accelsim.components.component import Action, Charge, Component, Delay, LogicPart, event_price
from accelsim.components.output_port import port_words
from accelsim.strict_model import Strict

if TYPE_CHECKING:
    from accelsim.config import Machine, Technology


class Activation(Strict):
    """A function of every word that the output port writes."""

    function: Literal["relu"] = Field(description="relu: a negative word is written as 0 (section 14).")

    def applied(self, words: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
        """Return the words as the stage writes them, to the bit; of any shape."""
        return np.maximum(words, np.int16(0))


def _path_ns(machine: Machine, technology: Technology) -> float:
    # The gather crossbar's levels, and the stage behind them in the same cycle.
    return (math.ceil(math.log2(machine.mvu.vpus)) + 1) * technology.blocks.word_mux2.delay_ns


class ActivationStage(Component):
    """ReLU on each 16-bit word between the output port's crossbar and the output SRAM: its sign gates the word to 0.

    Timing: in the write's own cycle, so it costs none. Selection sees z~ before it. Words of spiking neurons do not pass.
    Area and energy are those of one multiplexer per word, which is more than the gates that a ReLU needs.
    """

    name = "activation"
    rtl = ("core.relu_stage.ReluStage",)
    actions = (
        Action(
            "activations",
            49,
            "words",
            "section 14: q * n_tile for write z~, or write z of a dense layer; the essential neurons for write z of an "
            "approximated one; 0 without the stage, or of spiking neurons",
            job="write",
            shared_by=("write_noise",),
        ),
    )
    parts = (LogicPart("activation_gates", "word_mux2", port_words, "words of the output port"),)
    charges = (
        Charge("activation", "compute", 36, {"activations": event_price("word_mux2")}, "`activations` x mux"),
    )
    delays = (Delay("activation", _path_ns),)

    def is_in(self, machine: Machine) -> bool:
        """Return whether the machine has a section ``activation``."""
        return machine.activation is not None

    def per_written_word(self, machine: Machine) -> Mapping[str, int]:
        """Return one activation for each word."""
        return {"activations": 1}
