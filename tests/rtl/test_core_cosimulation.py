"""The core in RTL against both engines and the fixed-point reference: every count, every bit of z'."""

from __future__ import annotations

import pytest

pytest.importorskip("amaranth")

from rtl.cases import differences, random_cases
from rtl.simulate import AmaranthRunner

LAYERS = 5
MACHINES = 41  # 205 layers


@pytest.mark.parametrize("seed", range(MACHINES))
def test_rtl_equals_engines_and_reference(seed: int) -> None:
    cases = random_cases(seed, LAYERS)
    runner = AmaranthRunner(cases.shape)
    for number, layer in enumerate(cases.layers):
        found, counts = differences(layer, cases.shape, runner)
        assert not found, f"layer {number}: {found[0]}"
        assert counts.core_cycles > 0
