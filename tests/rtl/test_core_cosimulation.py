"""The core in RTL against both engines and the fixed-point reference: every count, every bit of z'."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context

import pytest

pytest.importorskip("amaranth")

from accelsim.rtl.validation.validate import LAYERS_PER_MACHINE, Outcome, machine_outcomes

MACHINES = 41  # of 5 layers each: 205 layers


@pytest.fixture(scope="module")
def outcomes() -> Iterator[list[Future[list[Outcome]]]]:
    """All machines at work on two processes: together they take minutes."""
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        yield [pool.submit(machine_outcomes, seed, LAYERS_PER_MACHINE) for seed in range(MACHINES)]


@pytest.mark.parametrize("seed", range(MACHINES))
def test_rtl_equals_engines_and_reference(seed: int, outcomes: list[Future[list[Outcome]]]) -> None:
    found = outcomes[seed].result()
    assert len(found) == LAYERS_PER_MACHINE
    for layer in found:
        assert not layer.differences, f"{layer.what}: {layer.differences[0]}"
        assert layer.cycles > 0
