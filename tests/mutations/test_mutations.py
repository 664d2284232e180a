"""Mistakes put into the engines on purpose: each is caught by comparing all counts with the oracle's, and the RTL's."""

from __future__ import annotations

from collections import Counter

import pytest

from accelsim.engine import run_image
from tests.mutations.cases import NUMBERS, cases
from tests.mutations.catalogue import MUTATIONS
from tests.mutations.mutant import Mutation, mutant, unchanged
from tests.mutations.recorded import recorded_cases
from tests.mutations.verdict import first_catch, judge

# NumPy warns where Python runs the unsigned arithmetic of machine code.
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_is_caught(mutation: Mutation) -> None:
    assert judge(mutation).by_oracle is not None, f"survives: {mutation.name} ({mutation.rule})"


def test_most_are_caught_by_the_rtl_alone() -> None:
    """All but those outside of a core, and a few that take a layer larger than Amaranth's simulator runs in a second."""
    caught = [mutation.name for mutation in MUTATIONS if judge(mutation).by_rtl is not None]
    assert len(caught) >= 0.75 * len(MUTATIONS), caught


def test_engines_without_a_mistake_are_not() -> None:
    """Copied in the same way; and the engines themselves, so that the directed cases test them too."""
    engines = {
        "copied reference": unchanged("reference"),
        "copied compiled": unchanged("compiled"),
        "reference": lambda *case: run_image(*case, engine="reference"),
        "compiled": lambda *case: run_image(*case, engine="compiled"),
    }
    for engine, run in engines.items():
        assert first_catch(run, cases()) is None, engine
        assert first_catch(run, recorded_cases()) is None, engine
    assert len(list(cases())) == sum(NUMBERS.values())
    assert len(list(recorded_cases())) >= 100


def test_a_copy_leaves_the_engine_in_use_alone() -> None:
    import accelsim.machine.core as core
    import accelsim.mapping

    before = accelsim.mapping, accelsim.mapping.map_layer, core.Slots
    mutant(next(mutation for mutation in MUTATIONS if mutation.module == "machine/core.py"))
    import accelsim.machine.core as core_after

    assert before == (accelsim.mapping, accelsim.mapping.map_layer, core_after.Slots)


def test_there_are_enough_and_no_two_alike() -> None:
    assert len(MUTATIONS) >= 25
    names = Counter(mutation.name for mutation in MUTATIONS)
    changes = Counter((mutation.module, mutation.old, mutation.new) for mutation in MUTATIONS)
    assert max(names.values()) == max(changes.values()) == 1


def test_text_that_is_gone_is_told() -> None:
    gone = Mutation("gone", "none", "machine/core.py", "no such text", "", "reference")
    with pytest.raises(ValueError, match=r"'gone': its text occurs 0 times in machine/core\.py"):
        mutant(gone)
    with pytest.raises(ValueError, match="no module of"):
        mutant(Mutation("nowhere", "none", "machine/nothing.py", "", "x", "reference"))
