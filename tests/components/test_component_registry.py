"""The list of components: what is derived from it holds together, and names the hardware that is there."""

from __future__ import annotations

import importlib
import inspect
import pickle
import pkgutil
import re

import pytest

from accelsim.components.component import JOBS, Action, Component, LogicPart
from accelsim.components.component_registry import (
    ACTIONS,
    CHARGED_ACTION_NAMES,
    COMPONENTS,
    RTL_ACTION_NAMES,
    made_actions,
)
from accelsim.components.price import Price
from accelsim.config import load_machine, load_technology
from accelsim.counts import COUNT_NAMES, Counts
from accelsim.energy import energy, energy_terms
from accelsim.errors import AccelsimError

MACHINES = ("dense", "unstructured", "structured", "spiking", "spiking-dense", "spiking-noise")
TECHNOLOGY = load_technology()


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda each: each.name)
def test_every_component_has_a_data_sheet(component: Component) -> None:
    sheet = inspect.getdoc(type(component)) or ""
    assert type(component).__doc__ and len(sheet) > 100
    assert component.actions or component.parts or component.charges


def test_columns_and_places_are_numbered_without_gaps() -> None:
    assert [action.column for action in ACTIONS] == list(range(len(ACTIONS)))
    places = {charge.place for each in COMPONENTS for charge in each.charges}
    assert places == set(range(len(places)))
    for name in MACHINES:
        terms = [term.name for term in energy_terms(load_machine(name), TECHNOLOGY)]
        assert len(set(terms)) == len(terms), name


def test_columns_stay_where_stored_results_have_them() -> None:
    """A few of them, as results of earlier versions have them; a new action comes behind all."""
    columns = dict(enumerate(COUNT_NAMES))
    assert [columns[at] for at in (0, 5, 25, 39, 42, 48)] == [
        "core_cycles",
        "brick_ops_16bit",
        "comparisons",
        "dram_bits",
        "vpu_steps_1bit",
        "noise_draws",
    ]


def test_jobs_make_what_belongs_to_blocks_and_the_schedule_the_rest() -> None:
    assert all(set(action.shared_by) <= set(JOBS) for action in ACTIONS)
    of_the_schedule = {action.name for action in ACTIONS if action.job is None}
    assert of_the_schedule == {
        "core_cycles", "barrier_cycles", "dram_cycles", "dram_bits", "mvu_idle_input_cycles", "mvu_idle_select_cycles",
        "mvu_idle_drain_cycles", "front_idle_slot_cycles", "front_idle_done_cycles", "code_pass_cycles",
        "code_sram_writes",
    }  # fmt: skip


def test_the_rtl_counts_all_that_one_core_of_it_does() -> None:
    assert set(COUNT_NAMES) - set(RTL_ACTION_NAMES) == {
        "dram_bits", "dram_cycles", "barrier_cycles", "vpu_steps_1bit", "spike_additions", "event_walks",
        "membrane_updates", "membrane_reads", "membrane_writes", "noise_draws",
    }  # fmt: skip


def test_components_and_rtl_units_name_each_other() -> None:
    """Every unit that a component names is there, and every unit of the RTL is some component's."""
    pytest.importorskip("amaranth", reason="needs the extra rtl")
    from amaranth.lib import wiring

    there = set()
    for room in ("core", "blocks"):
        package = importlib.import_module(f"accelsim.rtl.{room}")
        for module in pkgutil.iter_modules(package.__path__):
            loaded = importlib.import_module(f"accelsim.rtl.{room}.{module.name}")
            for name, member in vars(loaded).items():
                if (
                    inspect.isclass(member)
                    and issubclass(member, wiring.Component)
                    and member.__module__ == loaded.__name__
                ):
                    there.add(f"{room}.{module.name}.{name}")
    named = {unit for each in COMPONENTS for unit in each.rtl}
    assert named == there


def test_every_constant_of_the_technology_is_some_components() -> None:
    blocks = {part.block for each in COMPONENTS for part in each.parts if isinstance(part, LogicPart)}
    assert blocks == set(type(TECHNOLOGY.blocks).model_fields)
    priced = {
        name
        for machine in MACHINES
        for term in energy_terms(load_machine(machine), TECHNOLOGY)
        for price in term.prices.values()
        for name, kind in price.parts
        if kind == "logic"
    }
    assert {f"{name}_pj" for name in priced} == set(type(TECHNOLOGY.events).model_fields)


def test_charges_in_words_name_the_counts_that_they_price() -> None:
    for each in COMPONENTS:
        for charge in each.charges:
            named = set(re.findall(r"`(\w+)`", charge.formula))
            for count in charge.prices:
                steps = re.sub(r"^vpu_steps_.*", "vpu_steps", count)
                assert count in named or steps in named, charge.name


def test_what_a_dense_machine_has_no_hardware_for() -> None:
    absent = {
        "brick_ops_4bit", "vpu_steps_4bit", "projection_additions", "projection_accumulations", "projected_values",
        "comparisons", "groups_ranked", "weight_sram_reads_4bit", "dram_bits", "vpu_steps_1bit", "spike_additions",
        "event_walks", "membrane_updates", "membrane_reads", "membrane_writes", "noise_draws",
    }  # fmt: skip
    dense = load_machine("dense")
    assert absent <= CHARGED_ACTION_NAMES - made_actions(dense)
    for count in absent:
        with pytest.raises(AccelsimError, match=f"counts: {count} is 1, but machine dense has no hardware"):
            energy(Counts(**{count: 1}), dense, TECHNOLOGY)


def test_prices_keep_the_part_of_each_constant() -> None:
    a, b = Price.of("a", "logic", 3.0), Price.of("b", "sram", 4.0)
    price = 2 * (a + b + a / 4) * 10
    assert price.pj == 2 * (3 + 4 + 0.75) * 10
    assert price.parts == {("a", "logic"): 75.0, ("b", "sram"): 80.0}


def test_counts_are_the_actions() -> None:
    counts = Counts(positions=3, comparisons=5)
    assert tuple(counts.as_dict()) == COUNT_NAMES
    assert counts + counts == Counts(positions=6, comparisons=10)
    assert counts.replaced(positions=1) == Counts(positions=1, comparisons=5)
    assert pickle.loads(pickle.dumps(counts)) == counts and hash(counts) == hash(counts.replaced())
    with pytest.raises(TypeError, match="spikes"):
        Counts(spikes=1)
    with pytest.raises(AttributeError):
        counts.positions = 4  # type: ignore[misc]
    assert all(isinstance(action, Action) and action.unit and action.meaning for action in ACTIONS)
