"""Every count has one place where the compiled engine makes it, for each kind of layer."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest

from accelsim import load_machine
from accelsim.components.activation_stage import Activation
from accelsim.components.component_registry import ACTIONS
from accelsim.config import Machine
from accelsim.counts import COUNT_NAMES
from accelsim.engine.compiled.engine_sums import (
    DRAM_COUNTS,
    JOB,
    SCHEDULE,
    SPIKE,
    ScheduleSums,
    SpikeSums,
    counts_per_job_sum,
    sums_to_counts,
)
from accelsim.forms import Form
from accelsim.mapping import tile_layer
from accelsim.mapping.block_work import RegularWork
from accelsim.mapping.code_pass import code_pass
from accelsim.trace import Approximation, LayerShape, LayerTrace, Scheme

SHAPE = LayerShape(kind="conv", c_in=4, c_out=16, kernel=(1, 1), h_in=2, w_in=4)


def layer(scheme: Scheme, form: Form = "patch") -> LayerTrace:
    masks = np.zeros((1, 8, 16), np.bool_)
    masks[..., ::8] = True
    approximation = Approximation(4, 0 if form == "none" else 8, 0, form)
    dense = scheme == Scheme.dense()
    return LayerTrace.from_masks(
        "layer", SHAPE, scheme, None if dense else masks, None if dense else approximation
    )


def coded_machine(form: Form) -> Machine:
    """The structured machine with a code SRAM, 8-bit work and scaled scores."""
    data = load_machine("structured").model_dump(mode="json")
    lanes = {} if form == "none" else {"lanes": 56}
    data["projection"] = {"form": form, "quantizers": 4} | lanes
    data["code_sram"] = {"kib": 64, "macro_kib": 16, "width_bits": 64, "banks": 1}
    data["mvu"]["precise_bits"] = [16, 8]
    data["selector"]["scales"] = True
    return Machine.model_validate(data)


def machine_of(name: str) -> Machine:
    """A shipped machine with every unit that it can have besides."""
    if name == "coded":
        return coded_machine("none")
    return load_machine(name).model_copy(update={"activation": Activation(function="relu")})


def regular_counts(scheme: Scheme, name: str) -> set[str]:
    """Counts of a layer that are worked out without its masks."""
    machine = machine_of(name)
    return {
        count
        for tile in tile_layer(layer(scheme, machine.form or "patch"), machine)
        for count in RegularWork.of(tile, machine).counts()
    }


MASKED = regular_counts(Scheme.nm(1, 8), "structured") | regular_counts(
    Scheme.unstructured(0.875, scope="calibrated"), "unstructured"
)
DENSE = regular_counts(Scheme.dense(), "dense")
CODED = regular_counts(Scheme.nm(1, 8, "norm", 8), "coded")
BLOCKS = MASKED | DENSE | CODED
"""What blocks count that needs no masks."""
JOB_COUNTS = {
    count
    for bits in (16, 8)
    for count in chain.from_iterable(counts_per_job_sum(64, bits, machine_of("structured")))
}
CODE_PASS = {
    count
    for form in ("none", "pixel")
    for count in code_pass(layer(Scheme.nm(1, 8, "norm", 8), form), coded_machine(form)).counts
}
WRITTEN_BY_NEURONS = {"membrane_updates", "membrane_reads", "membrane_writes", "noise_draws"}
"""Regular counts too, of layers of spiking neurons."""


def test_rows_are_numbered_in_order() -> None:
    for rows in (JOB, SPIKE, SCHEDULE):
        assert list(rows) == list(range(len(rows)))


def test_every_count_is_made_somewhere() -> None:
    places = (
        MASKED,
        DENSE,
        CODED,
        JOB_COUNTS,
        SpikeSums._fields,
        ScheduleSums._fields,
        DRAM_COUNTS,
        CODE_PASS,
    )
    assert set(chain.from_iterable(places)) | WRITTEN_BY_NEURONS == set(COUNT_NAMES)


def test_no_count_is_made_twice() -> None:
    of_passes = CODE_PASS - {"core_cycles"}  # those are counted by the schedule too, of other cycles
    scheduled = [*ScheduleSums._fields, *DRAM_COUNTS, *(of_passes - BLOCKS)]
    assert sorted(scheduled) == sorted(action.name for action in ACTIONS if action.job is None)
    assert set(scheduled).isdisjoint(BLOCKS | JOB_COUNTS | set(SpikeSums._fields))
    for bits in (16, 8, 4):
        made = list(chain.from_iterable(counts_per_job_sum(64, bits, machine_of("structured"))))
        assert len(set(made)) == len(made)  # each is a multiple of one sum
    assert not [name for name in SpikeSums._fields if name in WRITTEN_BY_NEURONS]


@pytest.mark.parametrize("name", ["dense", "structured"])
def test_the_matrix_is_the_table_and_then_the_sums_of_the_schedule(name: str) -> None:
    machine = load_machine(name)
    of_jobs, matrix = counts_per_job_sum(27, 16, machine), sums_to_counts(27, 16, machine)
    table = [*of_jobs, *({name: 1} for name in ScheduleSums._fields)]
    assert matrix.shape == (len(table), len(COUNT_NAMES))
    for row, adds in zip(matrix, table, strict=True):
        assert {COUNT_NAMES[column]: row[column] for column in np.flatnonzero(row)} == adds
