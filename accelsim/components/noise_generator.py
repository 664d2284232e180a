"""The noise generator: a normal random number for every spiking neuron that is updated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelsim.components.component import Action, Charge, Component, LogicPart
from accelsim.components.output_port import port_words
from accelsim.components.price import Price, Tariff

if TYPE_CHECKING:
    from accelsim.config import Machine

UNIFORMS = 8
"""Uniform numbers, of a 16-bit shift register each, that are added up to a normal one."""


def _draw_price(machine: Machine, tariff: Tariff) -> Price:
    # Seven additions make the sum and one adds it to the potential: eight of 16 bits.
    uniform = tariff.event("sign_generation") + tariff.event("tree_addition") / 2
    return UNIFORMS * uniform + tariff.event("multiply_16bit")


class NoiseGenerator(Component):
    """Adds up eight 16-bit numbers from shift registers, by the central limit theorem a normal one, times the noise level.

    There is one for each word of the output port; it keeps up with the updates and adds no cycle. Its price is an estimate
    put together of measured parts. Present with ``spiking.noise_generators``. The RTL does not build it.
    """

    name = "noise_generator"
    actions = (
        Action(
            "noise_draws",
            48,
            "draws",
            "normal random numbers added to a potential: section 13; 0 in layers without noise",
            job="write",
        ),
    )
    parts = (
        LogicPart(
            "noise_registers",
            "register_word",
            lambda machine: port_words(machine) * UNIFORMS,
            "words of the output port x 8",
        ),
        LogicPart(
            "noise_adders",
            "tree_adder",
            lambda machine: port_words(machine) * UNIFORMS / 2,
            "words of the output port x 4",
        ),
        LogicPart("noise_multipliers", "multiplier", port_words, "words of the output port"),
    )
    charges = (
        Charge(
            "noise_generator",
            "compute",
            21,
            {"noise_draws": _draw_price},
            "`noise_draws` x (8 x (`sign_generation` + `tree_addition` / 2) + `multiply_16bit`)",
        ),
    )

    def is_in(self, machine: Machine) -> bool:
        """Return whether the machine's spiking neurons have noise generators."""
        return machine.spiking is not None and machine.spiking.noise_generators
