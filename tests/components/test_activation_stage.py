"""The activation stage: counts by hand on both engines and in the oracle, area, energy, clock, file and bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from accelsim.components.activation_stage import Activation
from accelsim.config import Machine, load_machine, load_technology, machine_from_yaml
from accelsim.counts import Counts
from accelsim.energy import area, clock_limit, energy
from accelsim.engine import ENGINES, run_image
from accelsim.errors import AccelsimError
from accelsim.trace import LayerTrace
from tests.engine.test_worked_examples import EXAMPLE_1, EXAMPLE_2, example_1, example_2
from tests.oracles.per_cycle import oracle_image

TECHNOLOGY = load_technology()
SECTION = "\nactivation: {function: relu}\n"


def with_stage(name: str) -> Machine:
    return machine_from_yaml(f"extends: {name}\nname: mine{SECTION}")


@pytest.mark.parametrize(
    ("layer", "text", "words"),
    [
        (example_1(), EXAMPLE_1, 9),  # three neurons at three positions
        (example_2(), EXAMPLE_2, 12 + 6),  # z~ of four neurons at three positions, and six essential ones
    ],
)
def test_words_by_hand(layer: LayerTrace, text: str, words: int) -> None:
    machine = machine_from_yaml(text + SECTION)
    (without,) = run_image([layer], machine_from_yaml(text))
    assert without.activations == 0
    for engine in ENGINES:
        (counts,) = run_image([layer], machine, engine=engine)
        assert counts == without.replaced(activations=words), engine
    assert oracle_image([layer], machine)[0]["activations"] == words


def test_what_it_costs() -> None:
    with_, without = with_stage("unstructured"), load_machine("unstructured")
    mux_um2 = TECHNOLOGY.blocks.word_mux2.area_um2
    more = area(with_, TECHNOLOGY).as_dict()["activation_gates"]
    assert more == pytest.approx(4 * mux_um2 * 1e-6)  # a line of 64 bits
    assert "activation_gates" not in area(without, TECHNOLOGY).as_dict()
    spent = energy(Counts(activations=10), with_, TECHNOLOGY).as_dict()
    assert spent["activation"] == pytest.approx(10 * TECHNOLOGY.events.word_mux2_pj.value)
    with pytest.raises(AccelsimError, match="activations is 10, but machine unstructured has no hardware"):
        energy(Counts(activations=10), without, TECHNOLOGY)


def test_it_lengthens_the_path_of_the_output_port() -> None:
    slow = TECHNOLOGY.blocks.model_copy(
        update={"word_mux2": TECHNOLOGY.blocks.word_mux2.model_copy(update={"delay_ns": 1.0})}
    )
    limit = clock_limit(with_stage("unstructured"), replace(TECHNOLOGY, blocks=slow))
    assert (limit.block, limit.period_ns) == ("activation", 5.0)  # four levels gather from 16 banks


def test_a_machine_without_one_is_what_it_was() -> None:
    machine = load_machine("unstructured")
    assert "activation" not in machine.model_dump(mode="json")
    assert machine_from_yaml(machine.to_yaml()) == machine
    stage = with_stage("unstructured")
    assert machine_from_yaml(stage.to_yaml()) == stage
    with pytest.raises(
        AccelsimError, match=r"field activation\.function: 'gelu' is not allowed; allowed: 'relu'"
    ):
        machine_from_yaml(stage.to_yaml().replace("relu", "gelu"))


def test_negative_words_are_written_as_0() -> None:
    words = np.array([[-32768, -1, 0], [1, 255, 32767]], np.int16)
    assert Activation(function="relu").applied(words).tolist() == [[0, 0, 0], [1, 255, 32767]]


def test_the_rtl_writes_the_same_words() -> None:
    pytest.importorskip("amaranth", reason="needs the extra rtl")
    pytest.importorskip("torch", reason="needs the extra train")
    from accelsim.rtl.validation.random_cases import random_cases
    from accelsim.rtl.validation.validate import machine_outcomes

    assert random_cases(1, 1).machine.activation is not None
    outcomes = machine_outcomes(1, 2)
    assert [outcome.differences for outcome in outcomes] == [(), ()]
