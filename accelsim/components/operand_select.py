"""Operand select: how every VPU picks the broadcast chunk that it needs in a step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from accelsim.components.component import Charge, Component, Delay, LogicPart, PriceOf
from accelsim.components.mvu import chunk_words
from accelsim.components.price import Price, Tariff
from accelsim.lengths import ceil_div

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelsim.config import Machine, Technology


def select_inputs(machine: Machine) -> int:
    """Return the broadcast chunks that a VPU chooses from in every step: one per position of a block.

    The VPUs of a dense-only machine that does not share all serve the same position, so none chooses.
    """
    if machine.dense_only and machine.mvu.spare_vpus == "idle":
        return 1
    return machine.mvu.position_block


def _step_price(words: Callable[[Machine], int]) -> PriceOf:
    """Return the price of taking the operand words of one step."""

    def price(machine: Machine, tariff: Tariff) -> Price:
        mux = math.log2(select_inputs(machine)) * tariff.event("word_mux2")
        return words(machine) * (tariff.event("operand_word") + mux)

    return price


def _select_ns(machine: Machine, technology: Technology) -> float:
    return math.ceil(math.log2(select_inputs(machine))) * technology.blocks.word_mux2.delay_ns


class OperandSelect(Component):
    """The multiplexers in front of every VPU's operand stage: in each step it takes the chunk of one position of the block.

    A step takes L words in 16-bit mode, 2 L in 8-bit mode, 4 L of codes, ceil(L / 16) of spikes; each passes log2(T)
    levels. The stage itself (padding gated) is in the MVU's area.
    """

    name = "operand_select"
    rtl = ("blocks.operand_stage.OperandStage",)
    parts = (
        LogicPart(
            "operand_select",
            "word_mux2",
            lambda machine: machine.mvu.vpus * (select_inputs(machine) - 1) * chunk_words(machine),
            "V x (T - 1) chunks; none on a dense-only machine that does not share",
            where=lambda machine: select_inputs(machine) > 1,
        ),
    )
    charges = (
        Charge(
            "operand_select",
            "compute",
            4,
            {
                "vpu_steps_16bit": _step_price(lambda machine: machine.mvu.lanes),
                "vpu_steps_8bit": _step_price(lambda machine: 2 * machine.mvu.lanes),
                "vpu_steps_4bit": _step_price(lambda machine: 4 * machine.mvu.lanes),
                "vpu_steps_1bit": _step_price(lambda machine: ceil_div(machine.mvu.lanes, 16)),
            },
            "(`vpu_steps_16bit` x L + `vpu_steps_8bit` x 2 L + `vpu_steps_4bit` x 4 L + `vpu_steps_1bit` x ceil(L / 16)) x "
            "(`operand_word` + log2(T) x mux); no mux on a dense-only machine that does not share",
        ),
    )
    delays = (Delay("operand_select", _select_ns),)
