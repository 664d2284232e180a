"""What the tests of this room look at: small layers on small machines, and their schedules."""

from __future__ import annotations

from random import Random

from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st

from accelsim.config import load_technology
from accelsim.energy import energy_terms
from accelsim.errors import AccelsimError
from accelsim.timeline import LayerSchedule, View, record_layer
from tests.engine.axes import axes_case
from tests.engine.strategies import Case, cases
from tests.engine.test_worked_examples import EXAMPLE_1, EXAMPLE_2, EXAMPLE_3, example_1, example_2

__all__ = [
    "EXAMPLE_1",
    "EXAMPLE_2",
    "EXAMPLE_3",
    "TECHNOLOGY",
    "example_1",
    "example_2",
    "few",
    "view_of",
    "views",
]

TECHNOLOGY = load_technology("freepdk45")

few = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def view_of(schedule: LayerSchedule, blocks: range | None = None) -> View:
    """Of some or all of a layer's blocks."""
    return View(schedule, TECHNOLOGY, range(schedule.counts.blocks) if blocks is None else blocks)


@st.composite
def views(draw: st.DrawFn) -> tuple[Case, View]:
    """A case, and a view of all of its first layer. Only machines that the technology has SRAM macros for."""
    axes = st.integers(0, (1 << 64) - 1).map(Random).map(axes_case)
    case = draw(st.one_of(cases(), axes))
    try:
        energy_terms(case.machine, TECHNOLOGY)
    except AccelsimError:
        assume(False)
    return case, view_of(record_layer(case.layers[0], case.machine, case.image))
