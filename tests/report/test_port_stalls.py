"""The warning of starved modes: shares by hand, and as the engine counts them in a layer of full jobs."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.config import load_machine, load_technology
from accelsim.engine import run_image
from accelsim.report.describe import machine_content
from accelsim.report.port_stalls import port_stall_share, port_warnings
from accelsim.trace import Approximation, LayerShape, LayerTrace, Scheme


def test_unheld_codes_behind_a_narrow_port_wait_three_cycles_of_four() -> None:
    # 64 codes of 4 bits pass a port of 64 bits in four accesses, for every step.
    machine = load_machine("unstructured")
    assert port_stall_share(machine, 4) == 0.75
    assert port_stall_share(machine, 16) == 0
    (warning,) = port_warnings(machine)
    assert warning.startswith("work in 4 bits waits for a port in 75% of the cycles of a full job; ")
    assert machine_content(machine, load_technology())["warnings"] == [{"warning": warning}]


def test_held_codes_of_four_positions_do_not_wait() -> None:
    assert port_stall_share(load_machine("structured"), 4) == 0
    assert port_warnings(load_machine("structured")) == []
    assert "warnings" not in machine_content(load_machine("structured"), load_technology())


@pytest.mark.parametrize("name", ["unstructured", "unstructured-none", "structured-pixel"])
def test_the_share_is_that_of_the_engine_in_full_jobs(name: str) -> None:
    machine = load_machine(name)
    assert machine.projection is not None
    form = machine.projection.form
    rows = machine.mvu.vpus * (machine.mvu.accumulators_per_vpu // machine.mvu.position_block)
    shape = LayerShape(kind="conv", c_in=128, c_out=rows, kernel=(1, 1), h_in=2, w_in=4)
    scheme = Scheme.all_noise()
    approximation = Approximation(128, 0, 0 if form == "none" else 1, form)
    layer = LayerTrace.from_masks("full", shape, scheme, None, approximation)
    (counts,) = run_image([layer], machine)
    waiting = counts.approximate_port_stall_cycles
    share = waiting / (waiting + counts.approximate_issue_cycles)
    assert np.isclose(share, port_stall_share(machine, 4))
