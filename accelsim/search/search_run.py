"""Run a search: what is not in the results database is simulated and put there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from accelsim.engine import ENGINES
from accelsim.interrupt import stop_if_pressed
from accelsim.search.front import non_dominated
from accelsim.search.optuna_search import Sampler, Trial, search
from accelsim.store import Outcome, Point, Store, Subject
from accelsim.sweep import Space
from accelsim.sweep.sweep_run import Executor, prepare, run_here
from accelsim.sweep.tasks import Tasks


@dataclass
class Search:
    """What a search has come to: its trials, and how many points were simulated for them this time and ran."""

    trials: list[Trial] = field(default_factory=list)
    simulated: int = 0

    @property
    def pruned(self) -> list[Trial]:
        """Those that are worth nothing."""
        return [trial for trial in self.trials if trial.values is None]

    @property
    def distinct(self) -> int:
        """How many different combinations the trials were."""
        return len({_combination(trial) for trial in self.trials})

    @property
    def most_pruned(self) -> tuple[str, int]:
        """The commonest reason why a trial was pruned, of which there is one at least, and how often it was."""
        return Counter(str(trial.why) for trial in self.pruned).most_common(1)[0]

    @property
    def front(self) -> list[Trial]:
        """The trials that no other beats, each combination once, by the first objective."""
        valued = {trial.values: trial for trial in reversed(self.trials) if trial.values is not None}
        if not valued:
            return []
        kept = non_dominated(list(valued))
        front = [trial for trial, keep in zip(valued.values(), kept, strict=True) if keep]
        return sorted(front, key=lambda trial: trial.values or ())


def run_search(
    space: Space,
    store: Store,
    name: str,
    *,
    trials: int,
    sampler: Sampler,
    seed: int,
    objectives: Sequence[str],
    engine: str = ENGINES[0],
    executor: Executor = run_here,
    report: Callable[[Trial], None] | None = None,
) -> Search:
    """As `accelsim.search.optuna_search.search`; ``report`` is called after every trial.

    Every point is recorded as a member of the sweep ``name``, with its axes and the number of the first trial that it was
    in. What was recorded stays, however this ends. Raises AccelsimError if the database cannot be written.
    """
    found = Search()

    def simulate(subjects: Sequence[Subject]) -> Mapping[str, Outcome]:
        distinct = {subject.id: subject for subject in subjects}
        outcomes = _known(store, distinct)
        points = [each for each in distinct.values() if isinstance(each, Point) and each.id not in outcomes]
        for task, results in executor(Tasks(points), engine):
            stop_if_pressed()
            store.put(zip(task, results, strict=True), engine)
            outcomes |= {outcome.id: outcome for outcome in results}
            found.simulated += sum(outcome.error is None for outcome in results)
        for subject in distinct.values():
            if not isinstance(subject, Point):
                outcomes[subject.id] = Outcome(subject.id, subject.error)
                store.put([(subject, outcomes[subject.id])], engine)
        return outcomes

    batches = search(space, simulate, trials=trials, sampler=sampler, seed=seed, objectives=objectives)
    store.set_sweep(name, space.spec.text, ())
    prepare(engine)
    for batch in batches:
        store.add_members(name, [member for trial in batch for member in trial.points])
        for trial in batch:
            found.trials.append(trial)
            if report is not None:
                report(trial)
    return found


def _combination(trial: Trial) -> tuple[tuple[str, str], ...]:
    return tuple((name, repr(value)) for name, value in trial.labels.items() if name != "trial")


def _known(store: Store, subjects: Mapping[str, Subject]) -> dict[str, Outcome]:
    """Outcomes that are in the database; a simulation that failed is tried again."""
    recorded = {identity: store.outcome(identity) for identity in subjects}
    return {
        identity: outcome
        for identity, outcome in recorded.items()
        if outcome is not None and outcome.error is None
    }
