"""The reference engine: the machine as SimPy processes, event by event."""

from __future__ import annotations

from collections.abc import Sequence

import simpy

from accelsim.config import Machine
from accelsim.counts import Counts
from accelsim.machine import Chip, Observer
from accelsim.mapping import TileWork, map_layer
from accelsim.trace import LayerTrace


def run_image(layers: Sequence[LayerTrace], machine: Machine, image: int) -> tuple[Counts, ...]:
    """Run one image through the layers, in the order given; one ``Counts`` per layer.

    ``image`` indexes the first axis of the layers' masks. Raises AccelsimError if a layer cannot run on
    the machine.
    """
    return run_work([list(map_layer(layer, machine, image)) for layer in layers], machine)


def run_work(
    layers: Sequence[Sequence[TileWork]], machine: Machine, observer: Observer | None = None
) -> tuple[Counts, ...]:
    """As ``run_image``, of layers that are mapped already. An observer is told of every job."""
    env = simpy.Environment()
    chip = Chip(env, machine, layers, observer)
    env.process(chip.run())
    env.run()
    return tuple(chip.counts)
