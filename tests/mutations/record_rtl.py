"""Run small random layers on the RTL and record what it counts: ``python -m tests.mutations.record_rtl``.

Takes minutes, and needs the extra ``rtl``. To be run again when docs/machine.md changes what is counted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from random import Random
from typing import Any

import numpy as np

from accelsim.config import Machine
from accelsim.files import replaced
from accelsim.nn.fixed_point.as_trace import as_layer_trace
from accelsim.nn.fixed_point.fixed_point_reference import fixed_point_layer
from accelsim.nn.fixed_point.layer_operands import CoreOperands
from accelsim.nn.fixed_point.random_operands import Limits as OperandLimits
from accelsim.nn.fixed_point.random_operands import random_operands
from accelsim.rtl.core.core_shape import CoreShape, Limits, core_shape
from accelsim.rtl.rtl_simulation import AmaranthRunner, run_layer
from accelsim.rtl.validation.random_cases import SMALL, MachineCases, fits, random_cases, random_machine
from tests.mutations.recorded import FILE

RANDOM, CROWDED, LAYERS = 30, 20, 2
"""Machines of each kind, and layers on each."""


def crowded_cases(seed: int) -> MachineCases:
    """A machine in which everything waits: more VPUs than rows, narrow weight ports, one comparator, many slots."""
    rng = Random(f"crowded {seed}")
    kind = ("threshold", "nm")[seed % 2]
    data = random_machine(rng, kind).model_dump(mode="json")
    block = rng.randint(1, 3)
    data["cores"] = 1
    data["mvu"] |= {
        "vpus": rng.randint(4, 7),
        "bricks_per_vpu": 48,
        "hold_weights": rng.random() < 0.7,
        "spare_vpus": "share",
        "position_block": block,
        "accumulators_per_vpu": block * rng.randint(1, 3),
        "accumulate_latency_cycles": rng.randint(1, 3),
    }
    data["weight_sram"] = {"kib": 8, "macro_kib": 1, "width_bits": rng.choice((16, 32))}
    data["input_sram"] = {"kib": 2, "macro_kib": 1, "width_bits": 96, "banks": 1}
    data["patch_buffer"] = {"kib": 8, "macro_kib": 1, "width_bits": 192}
    data["output_sram"] = {"kib": 2, "macro_kib": 1, "width_bits": rng.choice((16, 64)), "banks": 1}
    data["projection"] = {"lanes": 12, "quantizers": 12}
    data["selector"] |= {"comparators": 1} if kind == "threshold" else {"groups_per_cycle": 1}
    data["sequencer"] |= {"lookahead": rng.randint(1, 3)}
    data["mvu"]["pipeline_depth_cycles"] = data["selector"]["latency_cycles"] = 1000
    least = CoreShape(Machine.model_validate(data), Limits())
    data["mvu"]["pipeline_depth_cycles"] = least.depth_least + rng.randint(0, 2)
    data["selector"]["latency_cycles"] = least.selector_latency_least + rng.randint(0, 2)
    machine = Machine.model_validate(data)
    shape = core_shape(machine, Limits(rows_per_vpu=SMALL.outputs, codes=SMALL.k, sign_rows=1024))
    draw = np.random.default_rng([seed, 2])
    limits = OperandLimits(
        channels=5, side=4, outputs=3 if seed % 4 < 2 else SMALL.outputs, k=SMALL.k, of=SMALL.of
    )
    fitting: list[CoreOperands] = []
    while len(fitting) < LAYERS:
        operands = random_operands(draw, kind, limits)
        if operands.positions >= 3 * block and fits(operands, shape):
            fitting.append(operands)
    return MachineCases(machine, shape, kind, tuple(fitting))


def all_cases() -> Iterator[MachineCases]:
    """Every machine with its layers."""
    for seed in range(RANDOM):
        yield random_cases(seed, LAYERS)
    for seed in range(CROWDED):
        yield crowded_cases(seed)


def record(operands: CoreOperands, cases: MachineCases, runner: AmaranthRunner) -> dict[str, Any]:
    """A layer as `recorded` reads it, with the RTL's counts that are not zero."""
    mask = fixed_point_layer(operands).mask
    trace = as_layer_trace(operands, mask)
    counts = run_layer(operands, cases.shape, runner).counts.as_dict()
    return {
        "shape": asdict(trace.shape),
        "scheme": trace.scheme.name,
        "k": trace.approximation.k if trace.approximation else 0,
        "nnz": trace.approximation.nnz if trace.approximation else 0,
        "form": trace.approximation.form if trace.approximation else "patch",
        "mask": np.packbits(mask).tobytes().hex() if trace.masks is not None else None,
        "counts": {name: count for name, count in counts.items() if count},
    }


def main() -> None:
    machines = []
    for number, cases in enumerate(all_cases(), 1):
        runner = AmaranthRunner(cases.shape)
        layers = [record(operands, cases, runner) for operands in cases.layers]
        machines.append({"machine": cases.machine.model_dump(mode="json"), "layers": layers})
        print(f"machine {number} of {RANDOM + CROWDED}", file=sys.stderr)
    with replaced(FILE) as temporary:
        lines = ",\n".join(json.dumps(each) for each in machines)
        text = f'{{"amaranth": "{version("amaranth")}", "machines": [\n{lines}\n]}}\n'
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
