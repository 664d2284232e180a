"""The reference engine: the machine as SimPy processes, event by event."""

from __future__ import annotations

from collections.abc import Sequence

import simpy

from accelsim.config import Machine
from accelsim.counts import Counts
from accelsim.machine import Chip
from accelsim.mapping import map_layer
from accelsim.trace import LayerTrace


def run_image(layers: Sequence[LayerTrace], machine: Machine, image: int) -> tuple[Counts, ...]:
    """Run one image through the layers, in the order given; one ``Counts`` per layer.

    ``image`` indexes the first axis of the layers' masks. Raises AccelsimError if a layer cannot run on
    the machine.
    """
    env = simpy.Environment()
    chip = Chip(env, machine, [list(map_layer(layer, machine, image)) for layer in layers])
    env.process(chip.run())
    env.run()
    return tuple(chip.counts)
