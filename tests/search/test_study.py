"""The search, with costs that are formulas, so that its best machines are known; and once with real simulations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna", reason="needs the extra search")

from accelsim.errors import AccelsimError
from accelsim.search.front import non_dominated
from accelsim.search.objectives import Pruned, degrees_of, worth
from accelsim.search.optuna_search import BATCH, SAMPLERS, Trial, search
from accelsim.search.pareto import DEFAULT_OBJECTIVES
from accelsim.store import Outcome, Point, Subject
from accelsim.sweep import Space, load_sweep, open_space

SPEC = """\
format: accelsim-sweep/1
name: small
machines: [unstructured, structured]
traces: [{trace}]
schemes: [{schemes}]
axes:
  mvu.vpus: [2, 4, 6, 8, 10, 12, 16, 24]
  sequencer.lookahead: {{from: 0, to: 2, step: 1}}
  mvu.position_block: [1, 2, 4]
  {more}
"""


def space_of(tmp_path: Path, trace: Path, schemes: str = "unstructured-50, nm-4of8", more: str = "") -> Space:
    path = tmp_path / "sweep.yaml"
    path.write_text(SPEC.format(trace=trace, schemes=schemes, more=more), encoding="utf-8")
    return open_space(load_sweep(path))


class Costs:
    """Stands for the simulator: latency falls and area grows with VPUs; one look-ahead is best for energy."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, subjects: Sequence[Subject]) -> Mapping[str, Outcome]:
        self.asked += [subject.id for subject in subjects]
        return {subject.id: self.outcome(subject) for subject in subjects}

    @staticmethod
    def outcome(subject: Subject) -> Outcome:
        if not isinstance(subject, Point):
            return Outcome(subject.id, subject.error)
        mvu, noise = subject.machine.mvu, subject.workload.scheme.noise
        latency = (1 - noise / 2) * 1000 / mvu.vpus / mvu.position_block
        energy = 10 + (subject.machine.sequencer.lookahead - 1) ** 2 + mvu.position_block
        return Outcome(
            subject.id, None, {"latency_us": latency, "energy_pj": energy, "area_mm2": float(mvu.vpus)}
        )


def run(
    space: Space, trials: int, sampler: Any = "nsga2", seed: int = 1, simulate: Any = None
) -> list[Trial]:
    batches = search(
        space, simulate or Costs(), trials=trials, sampler=sampler, seed=seed, objectives=DEFAULT_OBJECTIVES
    )
    return [trial for batch in batches for trial in batch]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_same_seed_same_trials_and_another_seed_others(
    tmp_path: Path, small_trace: Path, sampler: str
) -> None:
    space = space_of(tmp_path, small_trace)
    first = run(space, 5 * BATCH, sampler)
    assert first == run(space, 5 * BATCH, sampler)
    assert first != run(space, 5 * BATCH, sampler, seed=2)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("fewer", [1, BATCH, 3 * BATCH + 5])
def test_fewer_trials_are_the_beginning_of_more(
    tmp_path: Path, small_trace: Path, sampler: str, fewer: int
) -> None:
    """So a search that is run again for more trials goes on from where it was."""
    space = space_of(tmp_path, small_trace)
    assert run(space, fewer, sampler) == run(space, 4 * BATCH, sampler)[:fewer]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_finds_the_front_of_a_known_space(tmp_path: Path, small_trace: Path, sampler: str) -> None:
    """Of 72 distinct costs 24 are on the front: one look-ahead, any VPUs, any block. Random draws would find fewer."""
    trials = run(space_of(tmp_path, small_trace), 15 * BATCH, sampler)
    values = [trial.values for trial in trials if trial.values is not None]
    found = {each for each, front in zip(values, non_dominated(values), strict=True) if front}
    best = {
        (round(1000 * 0.75 / vpus / block, 9), round(10.0 + block, 9), round(float(vpus), 9))
        for vpus in (2, 4, 6, 8, 10, 12, 16, 24)
        for block in (1, 2, 4)
    }
    rounded = {tuple(round(number, 9) for number in each) for each in found}
    assert rounded <= best
    assert len(rounded) >= 0.8 * len(best)


def test_labels_say_what_the_machine_is(tmp_path: Path, small_trace: Path) -> None:
    space, costs = space_of(tmp_path, small_trace), Costs()
    for trial in run(space, BATCH, simulate=costs):
        assert trial.labels["machine"] in ("unstructured", "structured")
        assert trial.labels["trial"] == trial.number
        assert trial.values is not None and trial.values[2] == pytest.approx(trial.labels["mvu.vpus"])
        ((identity, labels),) = trial.points  # one scheme fits each machine
        assert identity in costs.asked and labels == trial.labels


def test_what_where_leaves_out_is_pruned_and_not_simulated(tmp_path: Path, small_trace: Path) -> None:
    costs = Costs()
    space = space_of(tmp_path, small_trace, more="\nwhere: ['mvu.vpus * mvu.position_block <= 16']")
    trials = run(space, 6 * BATCH, simulate=costs)
    pruned = [trial for trial in trials if trial.values is None]
    assert pruned and all(trial.why == "left out by `where`" and not trial.points for trial in pruned)
    for trial in trials:
        allowed = trial.labels["mvu.vpus"] * trial.labels["mvu.position_block"] <= 16
        assert allowed == (trial.values is not None)


def test_what_is_no_machine_is_pruned_with_the_reason(tmp_path: Path, small_trace: Path) -> None:
    trials = run(space_of(tmp_path, small_trace, more="mvu.accumulators_per_vpu: [3, 16]"), 4 * BATCH)
    pruned = [trial for trial in trials if trial.values is None]
    assert pruned and all("accumulators_per_vpu is 3" in str(trial.why) for trial in pruned)
    assert {trial.labels["mvu.position_block"] for trial in pruned} == {4}


def test_a_machine_that_runs_less_than_others_is_pruned(tmp_path: Path, small_trace: Path) -> None:
    """Only the unstructured machine is asked for 75 % noise: the structured one would look good for the lack of it."""
    trials = run(space_of(tmp_path, small_trace, "unstructured-50, unstructured-75, nm-4of8"), 3 * BATCH)
    for trial in trials:
        unstructured = trial.labels["machine"] == "unstructured"
        assert unstructured == (trial.values is not None)
        assert unstructured or "can run no scheme" in str(trial.why)


def test_worth_by_hand(tmp_path: Path, small_trace: Path) -> None:
    """Two schemes of 50 %: sqrt(2 * 8) = 4. With 9 at 75 %: sqrt(4 * 9) = 6. An energy of nothing stays nothing."""
    half, more = ("t", ":", 0.5), ("t", ":", 0.75)

    def outcome(latency: float) -> Outcome:
        return Outcome("x", None, {"latency_us": latency, "dram_pj": 0.0})

    ran = [(half, outcome(2.0)), (half, outcome(8.0)), (more, outcome(9.0))]
    assert worth(ran, frozenset({half, more}), ["latency_us", "dram_pj"]) == pytest.approx((6, 0))
    with pytest.raises(Pruned, match="75 % noise"):
        worth(ran[:2], frozenset({half, more}), ["latency_us"])
    with pytest.raises(Pruned, match="too small"):
        worth([*ran, (more, Outcome("y", "too small"))], frozenset({half, more}), ["latency_us"])
    assert math.isclose(worth(ran[:2], frozenset({half}), ["latency_us"])[0], 4)


def test_degrees_are_those_that_the_traces_have(tmp_path: Path, small_trace: Path) -> None:
    space = space_of(tmp_path, small_trace, "dense, unstructured-50, nm-4of8, nm-1of8")
    assert degrees_of(space) == {(str(small_trace), ":", noise) for noise in (0.0, 0.5, 0.875)}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trials": 0}, "trials: 0; allowed: 1 to"),
        ({"sampler": "best"}, "sampler: 'best'; allowed: tpe, nsga2"),
        ({"seed": -1}, "seed: -1; allowed: 0 to"),
        ({"objectives": ["speed"]}, "objectives: 'speed'"),
    ],
)
def test_wrong_settings_are_told(
    tmp_path: Path, small_trace: Path, changes: dict[str, Any], said: str
) -> None:
    settings: dict[str, Any] = {"trials": 3, "objectives": DEFAULT_OBJECTIVES} | changes
    with pytest.raises(AccelsimError, match=said):
        list(search(space_of(tmp_path, small_trace), Costs(), **settings))


def test_one_combination_is_nothing_to_search(tmp_path: Path, small_trace: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(
        f"format: accelsim-sweep/1\nname: one\nmachines: [dense]\ntraces: [{small_trace}]\nschemes: [dense]\n"
    )
    with pytest.raises(AccelsimError, match="nothing to search"):
        list(search(open_space(load_sweep(path)), Costs(), trials=3, objectives=DEFAULT_OBJECTIVES))
