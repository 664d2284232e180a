"""Small layers and machines with the counts that the oracle gives them, in the order in which mutants meet them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import chain
from random import Random

import numpy as np

from accelsim.trace import Approximation, LayerShape, LayerTrace, Scheme
from tests.engine.strategies import Case, random_case, small_machine
from tests.oracles.per_cycle import oracle_image

RANDOM, HELD, TIED = 100, 20, 40
"""Cases of each kind."""


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
    layer = LayerTrace.from_masks("held", shape, Scheme.unstructured(0.5), masks, Approximation(8, 8, 0))
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
    draw = np.random.default_rng(rng.getrandbits(32))
    masks = (draw.random((1, positions, neurons)) < 0.5).astype(np.uint8)
    shape = LayerShape(
        kind="conv", c_in=rng.randint(1, 6), c_out=neurons, kernel=(1, 1), h_in=1, w_in=positions
    )
    layer = LayerTrace.from_masks("tied", shape, Scheme.unstructured(0.5), masks, Approximation(4, 4, 0))
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


@cache
def _numbered(kind: str, seed: int) -> tuple[Case, list[dict[str, int]]]:
    make = {"random": random_case, "held": held_case, "tied": tied_case}[kind]
    case = make(Random(seed))
    return case, oracle_image(case.layers, case.machine, case.image)


def cases() -> Iterator[tuple[str, Case, list[dict[str, int]]]]:
    """(Name, case, counts of each layer by the oracle); made as they are asked for, once a process."""
    names = chain(
        (("random", seed) for seed in range(RANDOM)),
        (("held", seed) for seed in range(HELD)),
        (("tied", seed) for seed in range(TIED)),
    )
    for kind, seed in names:
        yield (f"{kind} {seed}", *_numbered(kind, seed))
