"""The ways to run mapped work: same input, same ``Counts`` out. They know nothing of YAML, energy or files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from accelsim.errors import AccelsimError

if TYPE_CHECKING:
    from accelsim.config import Machine
    from accelsim.counts import Counts
    from accelsim.trace import LayerTrace

ENGINES = ("compiled", "reference")
"""By name, the default first."""


def run_image(
    layers: Sequence[LayerTrace], machine: Machine, image: int = 0, engine: str = ENGINES[0]
) -> tuple[Counts, ...]:
    """Simulate one image on the machine with the engine of that name.

    ``layers`` run in the order given; ``image`` indexes the first axis of their masks. Returns one
    ``Counts`` per layer. Raises AccelsimError for an unknown engine, or a layer that cannot run.
    """
    return next(run_images(layers, machine, range(image, image + 1), engine))


def run_images(
    layers: Sequence[LayerTrace], machine: Machine, images: range, engine: str = ENGINES[0]
) -> Iterator[tuple[Counts, ...]]:
    """As `run_image` for each of the images, one after the other."""
    for layer in layers:
        for image in images:
            if not 0 <= image < layer.images:
                raise AccelsimError(f"layer {layer.name}: no image {image}; it has 0 to {layer.images - 1}")
    if engine == "compiled":
        from accelsim.engine import compiled

        return compiled.run_images(layers, machine, images)
    if engine == "reference":
        from accelsim.engine.reference_engine import run_image as run

        return (run(layers, machine, image) for image in images)
    raise AccelsimError(f"engine: no engine named {engine!r}; there is: {', '.join(ENGINES)}")
