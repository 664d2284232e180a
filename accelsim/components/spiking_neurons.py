"""Spiking neurons: spikes as operands of the MVU, and membrane potentials that are updated at the output port."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from accelsim.components.component import (
    Action,
    Charge,
    Component,
    Delay,
    LogicPart,
    delay_of,
    event_price,
)
from accelsim.components.output_port import port_words
from accelsim.components.price import Price, Tariff
from accelsim.lengths import SPIKE_BITS, WORD_BITS, ceil_div
from accelsim.strict_model import Strict

if TYPE_CHECKING:
    from accelsim.config import Machine, Technology
    from accelsim.mapping import Tile

_INPUTS = 4096
"""Inputs of a spiking layer that the flags of silent chunks are priced for."""


class Spiking(Strict):
    """What layers of spiking neurons need: membrane updates at the output port, and spikes as operands.

    skip_silent_chunks: positions without a spike in a chunk take no step in it, chunks without any no cycle.
    noise_generators: a normal random number for every neuron that is updated.
    """

    skip_silent_chunks: bool = Field(
        description="true: event driven; what has no spike takes no step, cycle or weight read (section 13)."
    )
    noise_generators: bool = Field(
        description="true: a normal random number for each update of neurons with learned noise (NIT)."
    )


def _skips(machine: Machine) -> bool:
    return machine.spiking is not None and machine.spiking.skip_silent_chunks


def _chunk_flag_words(machine: Machine) -> float:
    """Return the 16-bit register words of the flags of all slots: which chunks have a spike in any position of a block."""
    slots = machine.sequencer.lookahead + 1
    return slots * _INPUTS / machine.mvu.lanes / 16


def _update_price(machine: Machine, tariff: Tariff) -> Price:
    # A 32-bit adder stands for the two of 16 bits that let a potential decay and add the current.
    return tariff.event("tree_addition") + tariff.event("threshold_comparison") + tariff.event("word_mux2")


def _update_ns(machine: Machine, technology: Technology) -> float:
    # The stage after the adders; lines take turns in the two.
    return technology.blocks.threshold_comparator.delay_ns + technology.blocks.word_mux2.delay_ns


class SpikingNeurons(Component):
    """Leaky integrate-and-fire neurons (section 13): as many are updated in a cycle as the output port has words.

    A spike lets a weight pass by the multiplier into the adder tree, so no brick fires. An update is a decay, an addition, a
    comparison and a reset. Potentials and noise levels lie in the output SRAM and pass the port once per block.
    Event driven (``skip_silent_chunks``), a walker finds chunks and positions with a spike. The RTL does not build it.
    """

    name = "spiking"
    actions = (
        Action(
            "vpu_steps_1bit",
            42,
            "steps",
            "steps of jobs on spikes, which add weights and multiply nothing: section 13; 0 in layers of words",
            job="precise",
        ),
        Action(
            "spike_additions",
            43,
            "additions",
            "rows of the tile times spikes of the block: section 13; 0 in layers of words",
            job="precise",
        ),
        Action(
            "event_walks",
            44,
            "steps",
            "per pass, for each chunk with a spike: 1 + its positions with a spike (section 13); 0 without "
            "`skip_silent_chunks`",
            job="precise",
            where=_skips,
        ),
        Action(
            "membrane_updates",
            45,
            "updates",
            "neurons times time steps: section 13; 0 in layers without spiking neurons",
            job="write",
        ),
        Action(
            "membrane_reads",
            46,
            "accesses",
            "lines of the output SRAM with potentials and noise levels that are read: section 13",
            job="write",
        ),
        Action(
            "membrane_writes",
            47,
            "accesses",
            "lines of the output SRAM with potentials that are written: section 13",
            job="write",
        ),
    )
    parts = (
        LogicPart("spike_gates", "word_mux2", lambda machine: machine.mvu.vpus * machine.mvu.lanes, "V x L"),
        LogicPart("membrane_adders", "tree_adder", port_words, "words of the output port"),
        LogicPart("membrane_thresholds", "threshold_comparator", port_words, "words of the output port"),
        LogicPart(
            "membrane_registers",
            "register_word",
            lambda machine: 2 * port_words(machine),
            "words of the output port x 2",
        ),
        LogicPart(
            "chunk_flags",
            "register_word",
            _chunk_flag_words,
            "`skip_silent_chunks`: a bit for each slot and chunk of up to 4,096 inputs",
            where=_skips,
        ),
        LogicPart(
            "event_walkers", "index_compactor", lambda machine: 2, "`skip_silent_chunks`: 2", where=_skips
        ),
    )
    charges = (
        Charge(
            "spike_gate",
            "compute",
            17,
            {"spike_additions": event_price("word_mux2")},
            "`spike_additions` x mux",
        ),
        Charge(
            "membrane_update",
            "compute",
            18,
            {"membrane_updates": _update_price},
            "`membrane_updates` x (`tree_addition` + `threshold_comparison` + mux)",
        ),
        Charge(
            "membrane_registers",
            "registers",
            19,
            {"membrane_updates": lambda machine, tariff: 2 * tariff.event("register_write")},
            "`membrane_updates` x 2 words x `register_write`",
        ),
        Charge(
            "event_walk",
            "compute",
            20,
            {"event_walks": event_price("index_walk")},
            "`event_walks` x `index_walk`",
        ),
    )
    delays = (
        Delay("membrane_update", _update_ns),
        delay_of("event_walker", "index_compactor", where=_skips),
    )

    def is_in(self, machine: Machine) -> bool:
        """Return whether the machine has a section ``spiking``."""
        return machine.spiking is not None


def update_neurons(tile: Tile, positions: int, machine: Machine) -> tuple[int, dict[str, int]]:
    """Return the service cycles and counts of a block's write-back: its neurons make all steps of its positions."""
    port = machine.output_sram
    steps = positions * tile.neuron_steps
    lines = ceil_div(tile.rows * WORD_BITS, port.width_bits)
    writes = steps * ceil_div(tile.rows * SPIKE_BITS, port.width_bits)
    # The neurons of words make all their steps in one block: their potentials begin and end in it.
    kept = lines if tile.has_spikes else 0
    reads = kept + (lines if tile.noise else 0)
    cycles = ceil_div(max(reads + kept + writes, steps * lines), port.banks)
    return cycles, {
        "output_sram_writes": writes,
        "output_busy_cycles": cycles,
        "membrane_reads": reads,
        "membrane_writes": kept,
        "membrane_updates": steps * tile.rows,
        "noise_draws": steps * tile.rows if tile.noise else 0,
    }
