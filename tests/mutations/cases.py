"""Small layers and machines with the counts that the oracle gives them, in the order in which mutants meet them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from random import Random

import numpy as np

from accelsim.trace import Approximation, LayerShape, LayerTrace, Scheme
from tests.engine.strategies import Case, random_case, small_machine
from tests.oracles.per_cycle import oracle_image

NUMBERS = {"random": 120, "held": 20, "tied": 40, "queued": 12, "wide": 12}
"""Cases of each kind, in the order in which they are run."""


def held_case(rng: Random) -> Case:
    """Weight chunks of several accesses, held, in blocks whose rows are shared by unlike numbers of positions.

    With a patch buffer wide enough that the weight ports decide.
    """
    neurons, positions = rng.randint(6, 16), rng.randint(4, 9)
    draw = np.random.default_rng(rng.getrandbits(32))
    # Some rows are essential nearly everywhere and some hardly anywhere, so that VPUs differ in kind.
    density = draw.choice([0.1, 0.9], neurons)
    masks = (draw.random((1, positions, neurons)) < density).astype(np.uint8)
    shape = LayerShape(
        kind="conv", c_in=rng.randint(4, 20), c_out=neurons, kernel=(1, 1), h_in=1, w_in=positions
    )
    layer = LayerTrace.from_masks(
        "held", shape, Scheme.unstructured(0.5, scope="calibrated"), masks, Approximation(8, 8, 0)
    )
    block = rng.randint(3, 4)
    machine = small_machine(
        mvu={
            "vpus": rng.randint(2, 4),
            "bricks_per_vpu": rng.choice((32, 64)),
            "position_block": block,
            "accumulators_per_vpu": block * rng.randint(2, 5),
            "accumulate_latency_cycles": rng.randint(1, 2),
        },
        weight_sram={"width_bits": 16},
        input_sram={"width_bits": 256},
        patch_buffer={"width_bits": 256},
    )
    return Case((layer,), machine, 0)


def tied_case(rng: Random) -> Case:
    """Many blocks of one position and short jobs, so that fetches, masks and the MVU end in the same cycles."""
    neurons, positions = rng.randint(2, 6), rng.randint(8, 14)
    layer = _one_pixel_layer(rng, "tied", rng.randint(1, 6), neurons, positions)
    machine = small_machine(
        mvu={
            "vpus": rng.randint(1, 4),
            "position_block": 1,
            "accumulators_per_vpu": 4,
            "accumulate_latency_cycles": 1,
            "pipeline_depth_cycles": rng.randint(0, 2),
        },
        projection={"lanes": 4, "quantizers": 4},
        selector={"comparators": rng.randint(1, 4), "latency_cycles": rng.randint(0, 2)},
        sequencer={
            "lookahead": rng.randint(1, 3),
            "mvu_order": rng.choice(("approximate_first", "precise_first")),
        },
    )
    return Case((layer,), machine, 0)


def queued_case(rng: Random) -> Case:
    """A front end and an MVU that are done long before the selector or the output port, so that blocks queue there."""
    neurons, positions = rng.randint(10, 24), rng.randint(6, 10)
    slow_port = rng.random() < 0.5
    machine = small_machine(
        mvu={"vpus": 16, "position_block": 1, "accumulators_per_vpu": 4, "accumulate_latency_cycles": 1},
        projection={"lanes": 16, "quantizers": 16},
        input_sram={"width_bits": 64},
        patch_buffer={"width_bits": 64},
        output_sram={"width_bits": 16 if slow_port else 256},
        selector={"comparators": 16 if slow_port else 1, "latency_cycles": rng.randint(0, 4)},
        sequencer={"lookahead": 3, "mvu_order": rng.choice(("approximate_first", "precise_first"))},
    )
    return Case((_one_pixel_layer(rng, "queued", rng.randint(1, 4), neurons, positions),), machine, 0)


def wide_case(rng: Random) -> Case:
    """Masks of several 64-bit words, in tiles that begin anywhere in one, with output lines of any width."""
    neurons = rng.randint(100, 150)
    machine = small_machine(
        mvu={
            "vpus": rng.choice((3, 8, 16)),
            "position_block": rng.randint(1, 3),
            "accumulators_per_vpu": 3 * rng.randint(1, 4),
            "hold_weights": rng.random() < 0.5,
        },
        output_sram={"width_bits": rng.choice((48, 256, 1536))},
        # Two or three tiles: each VPU's slice holds a few rows of 16 x 4 + 4 x 4 bits.
        weight_sram={"kib": rng.choice((1, 1, 1, 16))},
    )
    return Case((_one_pixel_layer(rng, "wide", 4, neurons, rng.randint(2, 5)),), machine, 0)


def _one_pixel_layer(rng: Random, name: str, d: int, neurons: int, positions: int) -> LayerTrace:
    masks = np.random.default_rng(rng.getrandbits(32)).random((1, positions, neurons)) < 0.4
    shape = LayerShape(kind="conv", c_in=d, c_out=neurons, kernel=(1, 1), h_in=1, w_in=positions)
    return LayerTrace.from_masks(
        name, shape, Scheme.unstructured(0.5, scope="calibrated"), masks, Approximation(4, 4, 0)
    )


MAKERS = {
    "random": random_case,
    "held": held_case,
    "tied": tied_case,
    "queued": queued_case,
    "wide": wide_case,
}


@cache
def _numbered(kind: str, seed: int) -> tuple[Case, list[dict[str, int]]]:
    case = MAKERS[kind](Random(seed))
    return case, oracle_image(case.layers, case.machine, case.image)


def cases() -> Iterator[tuple[str, Case, list[dict[str, int]]]]:
    """(Name, case, counts of each layer by the oracle); made as they are asked for, once a process."""
    for kind, number in NUMBERS.items():
        for seed in range(number):
            yield (f"{kind} {seed}", *_numbered(kind, seed))
