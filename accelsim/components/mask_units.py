"""Walkers and masks: how every VPU finds the essential rows that it has to work on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelsim.components.component import Action, Charge, Component, LogicPart, delay_of, event_price

if TYPE_CHECKING:
    from accelsim.config import Machine
    from accelsim.mapping import Tile

SELECTOR_LATENCY = (
    "Cycles from the end of the service to the valid mask. Buildable from 2 (threshold) or 3 (nm) on."
)

SELECTOR_SCALES = (
    "true: z~ is scaled and shifted by row before it is compared: schemes may rank it after a batch norm."
)


def scaled_scores(tile: Tile, positions: int) -> dict[str, int]:
    """Return the count of scores that are scaled before a block's selection; nothing where the scheme ranks z~ itself."""
    return {"scaled_scores": positions * tile.rows} if tile.scales_scores else {}


_PLACES, _POSITIONS = 12, 4
"""What the measured mask units hold: positions in flight, positions of a block."""


def _walkers(machine: Machine) -> float:
    """Return the walkers of all VPUs, in units of the measured one: it holds a bit for each row and position of a block.

    Walkers and masks are priced for 32 rows of a tile in a VPU, enough for 512 neurons on 16 VPUs.
    """
    return machine.mvu.vpus * (machine.mvu.position_block / _POSITIONS)


def _mask_places(machine: Machine) -> float:
    """Return the masks of the blocks in flight, in units of the measured ones, which hold 12 positions."""
    return (machine.sequencer.lookahead + 1) * machine.mvu.position_block / _PLACES


_WALK = event_price("index_walk")


class MaskUnits(Component):
    """What a machine with a selector of either kind has: masks by VPU and row and by neuron, and a walker in each VPU.

    There is no queue of indices: a walker finds the next row in the mask itself, one step a cycle, without adding a cycle to
    the step. It finds every step, also those of approximate jobs and dense layers. Writing masks costs area only.
    """

    name = "mask_units"
    rtl = ("core.walker.Walker", "core.rtl_mask_units.VpuMasks", "core.rtl_mask_units.NeuronMasks")
    actions = (Action("selector_busy_cycles", 27, "cycles", "the selector's service time", job="select"),)
    parts = (
        LogicPart(
            "mask_walkers",
            "index_compactor",
            _walkers,
            "V x T/4: the walker of a VPU, which holds a bit for each row and position of a job",
        ),
        LogicPart(
            "vpu_masks",
            "vpu_masks",
            lambda machine: machine.mvu.vpus * _mask_places(machine),
            "V per 12 positions in flight (S x T): masks by VPU and row",
        ),
        LogicPart(
            "neuron_masks",
            "neuron_masks",
            _mask_places,
            "1 per 12 positions in flight (S x T): masks by neuron for the output port",
        ),
    )
    charges = (
        Charge(
            "mask_walk",
            "compute",
            16,
            {
                "vpu_steps_16bit": _WALK,
                "vpu_steps_8bit": _WALK,
                "vpu_steps_4bit": _WALK,
                "vpu_steps_1bit": _WALK,
            },
            "`vpu_steps` x `index_walk` (none on a dense-only machine)",
        ),
    )
    delays = (
        delay_of("mask_walker", "index_compactor"),
        delay_of("vpu_masks", "vpu_masks"),
        delay_of("neuron_masks", "neuron_masks"),
    )

    def is_in(self, machine: Machine) -> bool:
        """Return whether the machine has a selector."""
        return machine.selector is not None
