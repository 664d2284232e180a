"""Oracle, reference engine and compiled engine agree over all forms, criteria and precisions."""

from __future__ import annotations

import os
from collections import Counter
from random import Random

from accelsim.engine import run_image
from tests.engine.axes import axes_case, groups_of_8_case
from tests.engine.strategies import Case
from tests.oracles.per_cycle import oracle_image

CASES = int(os.environ.get("AXES_CASES", "60"))
SEED = int(os.environ.get("AXES_SEED", "1"))


def axis_values(case: Case) -> list[str]:
    """What a case covers, for the table that is printed."""
    scheme, machine = case.layers[0].scheme, case.machine
    form = machine.projection.form if machine.projection else "no projection"
    return [
        f"projection {form}",
        f"scheme {scheme.kind}",
        f"criterion {scheme.criterion}",
        f"precise bits {scheme.precise_bits}",
        f"hold_weights {machine.mvu.hold_weights}",
        f"cores {machine.cores}",
        f"dram {machine.dram is not None}",
    ]


def test_oracle_reference_and_compiled_engine_agree_in_every_count() -> None:
    covered: Counter[str] = Counter()
    for number in range(CASES):
        case = (groups_of_8_case if number % 5 == 0 else axes_case)(Random(f"axes {SEED} {number}"))
        reference = run_image(case.layers, case.machine, case.image, "reference")
        compiled = run_image(case.layers, case.machine, case.image, "compiled")
        oracle = oracle_image(case.layers, case.machine, case.image)
        where = f"case {number} of seed {SEED}: {axis_values(case)}"
        for layer, of_reference, of_compiled, of_oracle in zip(
            case.layers, reference, compiled, oracle, strict=True
        ):
            assert of_compiled.as_dict() == of_reference.as_dict(), f"{where}: compiled, {layer.name}"
            assert of_oracle == of_reference.as_dict(), f"{where}: oracle, {layer.name}"
        covered.update(axis_values(case))
    print(f"{CASES} cases of seed {SEED} agree")
    for value, cases in sorted(covered.items()):
        print(f"{cases:6} {value}")
    forms = [
        value for value in covered if value.startswith("projection ") and value != "projection no projection"
    ]
    assert len(forms) == 3
