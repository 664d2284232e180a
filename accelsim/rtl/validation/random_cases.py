"""Random machines that can be built, random layers for them, and the comparison that co-simulation rests on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np

from accelsim.components.activation_stage import Activation
from accelsim.config import Machine
from accelsim.counts import COUNT_NAMES, Counts
from accelsim.engine import ENGINES, run_image
from accelsim.errors import AccelsimError
from accelsim.nn.fixed_point.as_trace import as_layer_trace
from accelsim.nn.fixed_point.fixed_point_reference import fixed_point_layer
from accelsim.nn.fixed_point.layer_operands import CoreOperands
from accelsim.nn.fixed_point.random_operands import Kind, random_operands
from accelsim.nn.fixed_point.random_operands import Limits as OperandLimits
from accelsim.rtl.core.core_shape import CoreShape, Limits, core_shape
from accelsim.rtl.layer_program import layer_programs
from accelsim.rtl.rtl_simulation import TileRunner, run_layer

SMALL = OperandLimits(channels=4, side=4, outputs=10, k=12, of=6)
"""Layers of some hundred cycles: Amaranth's simulator does a few hundred a second."""

MOST_MACS = 2500
MOST_CODES = 100
"""Most codes of a patch with the form none: the words of the largest kernel on all channels of `SMALL`."""


def random_machine(rng: Random, kind: Kind) -> Machine:
    """Draw every parameter of a machine; its memories are so small that many layers take several tiles.

    Every draw, and the order of the draws, is part of what a seed means.

    Args:
        rng: Where the draws come from.
        kind: ``dense``, ``threshold`` or ``nm``: whether the machine projects, and its selector.

    Returns:
        A machine whose latencies the RTL can meet.
    """
    positions = rng.choice((1, 2, 2, 3, 4))
    width, banks = rng.choice((16, 16, 32, 48)), rng.choice((1, 1, 2))
    line = width * banks * rng.choice((1, 1, 2, 3))
    quantizers = rng.choice([q for q in range(1, 5) if line // 4 % q == 0])
    selector = _random_selector(rng, kind)
    data: dict[str, Any] = {
        "format": "accelsim-machine/1",
        "name": "random",
        "clock_mhz": 500,
        "cores": rng.choice((1, 1, 1, 2, 3)),
        "split": rng.choice(("contiguous", "interleaved")),
        "mvu": _random_mvu(rng, positions),
        **_random_memories(rng, width, banks, line),
        "projection": None,
        "selector": selector,
        "sequencer": {
            "lookahead": rng.randint(0, 3),
            "mvu_order": rng.choice(("approximate_first", "precise_first")),
        },
        "dram": None,
    }
    if kind != "dense":
        data["projection"] = {"lanes": quantizers * rng.randint(1, 4), "quantizers": quantizers}
    return _with_latencies(rng, data)


def _with_latencies(rng: Random, data: dict[str, Any]) -> Machine:
    """Return the machine of a document, with a pipeline depth and a selector latency that a core can meet, often just so."""
    data["mvu"]["pipeline_depth_cycles"] = 1000
    least = CoreShape(Machine.model_validate(data), Limits())
    data["mvu"]["pipeline_depth_cycles"] = least.depth_least + rng.choice((0, 0, rng.randint(1, 9)))
    if data["selector"] is not None:
        least_latency = least.selector_latency_least
        data["selector"]["latency_cycles"] = least_latency + rng.choice((0, 0, rng.randint(1, 9)))
    return Machine.model_validate(data)


def with_further_modes(rng: Random, machine: Machine) -> Machine:
    """Return the machine with further precisions, form of its projection, scaled scores, or without its selector."""
    data = machine.model_dump(mode="json")
    data["mvu"]["precise_bits"] = rng.choice(([16, 8], [16, 8], [8, 16, 4], [16, 4], [16]))
    if machine.selector is not None:
        data["selector"] = data["selector"] | {"scales": rng.random() < 0.6, "latency_cycles": 100}
        if rng.random() < 0.2:
            data["selector"] = None
    if machine.projection is not None and rng.random() < 0.5:
        _with_code_map(rng, data)
    return _with_latencies(rng, data)


def _with_code_map(rng: Random, data: dict[str, Any]) -> None:
    """Give a machine's document a projection of the form none or pixel, and a code SRAM for it."""
    line = data["patch_buffer"]["width_bits"]
    banks, width = rng.choice([(b, w) for b in (1, 2, 3) for w in (16, 32, 48) if line % (b * w) == 0])
    data["code_sram"] = _sram(1, width) | {"banks": banks}
    quantizers = rng.randint(1, min(banks * width // 4, 6))
    data["projection"] = {"form": "none", "quantizers": quantizers}
    if rng.random() < 0.5:
        data["projection"] = {
            "form": "pixel",
            "lanes": quantizers * rng.randint(1, 3),
            "quantizers": quantizers,
        }


def _random_selector(rng: Random, kind: Kind) -> dict[str, Any] | None:
    """Draw a selector; its latency is a placeholder that any core can meet."""
    if kind == "nm":
        return {
            "kind": "nm",
            "groups_per_cycle": rng.randint(1, 3),
            "latency_cycles": 100,
            "max_of": SMALL.of,
        }
    if kind == "threshold":
        return {"kind": "threshold", "comparators": rng.choice((1, 2, 3, 5, 9)), "latency_cycles": 100}
    return None


def _random_mvu(rng: Random, positions: int) -> dict[str, Any]:
    """Draw an MVU for blocks of `positions`; its pipeline depth is a placeholder that any core can meet."""
    return {
        "vpus": rng.choice((1, 2, 2, 3, 4, 5)),
        "bricks_per_vpu": rng.choice((16, 16, 32, 48)),
        "pipeline_depth_cycles": 1000,
        "accumulate_latency_cycles": rng.randint(1, 5),
        "accumulators_per_vpu": positions + rng.choice((0, rng.randint(0, 3), rng.randint(3, 9))),
        "position_block": positions,
        "hold_weights": rng.random() < 0.5,
        "spare_vpus": rng.choice(("idle", "share")),
    }


def _random_memories(rng: Random, width_bits: int, banks: int, line_bits: int) -> dict[str, Any]:
    """Draw the memories; the input SRAM has `banks` of `width_bits`, the patch buffer lines of `line_bits`."""
    return {
        "weight_sram": _sram(rng.choice((1, 1, 2, 4, 8)), rng.choice((16, 32, 48, 64))),
        "input_sram": _sram(rng.choice((1, 2)), width_bits) | {"banks": banks},
        "patch_buffer": _sram(rng.choice((1, 2, 2, 4, 8)), line_bits),
        "result_buffer": _sram(rng.choice((1, 2)), 16),
        "output_sram": _sram(rng.choice((1, 2)), rng.choice((16, 32, 48, 64)))
        | {"banks": rng.choice((1, 1, 2, 3))},
    }


def _sram(kib: int, width: int) -> dict[str, int]:
    return {"kib": kib, "macro_kib": 1, "width_bits": width}


@dataclass(frozen=True, eq=False)
class MachineCases:
    """A machine, the sizes of its core, and layers that fit it."""

    machine: Machine
    shape: CoreShape
    kind: Kind
    layers: tuple[CoreOperands, ...]


def random_cases(seed: int, layers: int) -> MachineCases:
    """A machine and `layers` layers, all from the seed: seeds cycle through dense, threshold and N:M machines.

    Every third machine has an activation stage, every second what `with_further_modes` adds.
    One of four layers of a machine with a projection is dense. Layers that do not fit are drawn again.
    """
    kinds: tuple[Kind, ...] = ("dense", "threshold", "nm", "threshold", "nm")
    kind = kinds[seed % len(kinds)]
    rng = Random(f"machine {seed}")
    machine = random_machine(rng, kind)
    if seed % 3 == 1:
        machine = machine.model_copy(update={"activation": Activation(function="relu")})
    if seed % 2 == 1:
        machine = with_further_modes(rng, machine)
    codes = SMALL.k if machine.form in (None, "patch") else MOST_CODES
    shape = core_shape(machine, Limits(rows_per_vpu=SMALL.outputs, codes=codes, sign_rows=1024))
    draw = np.random.default_rng([seed, 1])
    fitting: list[CoreOperands] = []
    for _ in range(100 * layers):
        if len(fitting) == layers:
            break
        operands = random_operands(draw, *_layer_kind(rng, machine, kind))
        if operands.w.size * operands.positions <= MOST_MACS and fits(operands, shape):
            fitting.append(operands)
    if len(fitting) < layers:
        return random_cases(seed + 1_000_003 * len(kinds), layers)  # a machine too small for nearly all
    return MachineCases(machine, shape, kind, tuple(fitting))


def _layer_kind(rng: Random, machine: Machine, kind: Kind) -> tuple[Kind, OperandLimits]:
    """Draw the kind of a layer for a machine of some kind; return it and what else the layer may have."""
    if rng.random() < 0.25:
        return "dense", replace(SMALL, precise_bits=machine.mvu.precise_bits)
    limits = SMALL if machine.form is None else replace(SMALL, forms=(machine.form,))
    if machine.mvu.precise_bits == (16,) and (machine.selector is None or not machine.selector.scales):
        return kind if machine.selector is not None or kind == "dense" else "all-noise", limits
    if kind != "dense" and (machine.selector is None or rng.random() < 0.2):
        return "all-noise", limits
    bits = tuple(each for each in machine.mvu.precise_bits if kind == "dense" or each != 4)
    scales = machine.selector is not None and machine.selector.scales
    return kind, replace(limits, precise_bits=bits, scales=scales, signed=True)


def fits(operands: CoreOperands, shape: CoreShape) -> bool:
    """Whether a core can take the layer."""
    try:
        for _programs in layer_programs(operands, shape):
            pass
    except AccelsimError:
        return False
    return True


def differences(operands: CoreOperands, shape: CoreShape, runner: TileRunner) -> tuple[list[str], Counts]:
    """What the RTL does otherwise than the engines and the fixed-point reference, a line each, and its counts."""
    reference = fixed_point_layer(operands)
    stage = shape.machine.activation
    expected = reference.z if stage is None else stage.applied(reference.z)
    result = run_layer(operands, shape, runner)
    trace = as_layer_trace(operands, reference.mask)
    found = []
    wrong = result.z != expected
    if wrong.any():
        position, neuron = (int(i) for i in np.argwhere(wrong)[0])
        found.append(
            f"z' of position {position}, neuron {neuron}: RTL {result.z[position, neuron]}, reference "
            f"{expected[position, neuron]} ({int(wrong.sum())} of {wrong.size} differ)"
        )
    for engine in ENGINES:
        (counts,) = run_image([trace], shape.machine, engine=engine)
        for name in COUNT_NAMES:
            ours, theirs = getattr(result.counts, name), getattr(counts, name)
            if ours != theirs:
                found.append(f"{name}: RTL {ours}, {engine} engine {theirs}")
    return found, result.counts
