"""The search: Optuna proposes combinations of a sweep's axes, simulations say what they are worth.

Nothing of Optuna's is stored. Everything it does follows from its seed and from the worth of the trials before, and what
was simulated is in the results database: the same search run again goes through the same trials without simulating
them, and goes on where it was killed, or to more trials.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, Literal, get_args

from accelsim.errors import AccelsimError
from accelsim.extras import missing_extra
from accelsim.search.objectives import Degree, Pruned, degrees_of, worth
from accelsim.search.pareto import checked_objectives
from accelsim.store import Outcome, Subject
from accelsim.sweep import Dimension, LeftOut, Space

if TYPE_CHECKING:
    import optuna

Sampler = Literal["tpe", "nsga2"]
SAMPLERS: tuple[str, ...] = get_args(Sampler)

BATCH = 16
"""Trials proposed before any of them is worth something: simulated together. Not an option, since it decides trials."""

POPULATION = 2 * BATCH
"""NSGA-II's generation, and what TPE draws at random before it learns."""

MAX_TRIALS = 1_000_000

WORKLOAD_DIMENSIONS = 3
"""The last dimensions of a space are trace, scheme and images: a trial runs all of them."""

Simulate = Callable[[Sequence[Subject]], Mapping[str, Outcome]]
"""Outcomes of points by identity, from the database or by simulating them."""


@dataclass(frozen=True)
class Trial:
    """One combination of a search. ``values`` are its objectives, None if it was pruned, and ``why`` then says why.

    points: (identity, labels) of everything that was run for it.
    """

    number: int
    labels: Mapping[str, Any]
    values: tuple[float, ...] | None
    why: str | None
    points: tuple[tuple[str, Mapping[str, Any]], ...]


@dataclass(frozen=True)
class _Proposal:
    trial: optuna.Trial
    labels: Mapping[str, Any]
    subjects: tuple[tuple[Degree, Subject], ...]
    why: str | None


def search(
    space: Space,
    simulate: Simulate,
    *,
    trials: int,
    sampler: Sampler = "tpe",
    seed: int = 0,
    objectives: Sequence[str],
) -> Iterator[list[Trial]]:
    """Propose and simulate ``trials`` combinations of the space's machines, technologies and axes, in batches.

    A trial runs every trace, scheme and range of images that its machine can run; `worth` makes one number of an
    objective. Trials that a ``where`` leaves out, that are no machine, or that cannot be simulated are pruned.

    Raises AccelsimError if there is nothing to search, a setting is wrong, or Optuna is not installed.
    """
    names = checked_objectives(objectives)
    study = _study(sampler, seed, len(names))
    distributions = _distributions(space.dimensions[:-WORKLOAD_DIMENSIONS])
    if not distributions:
        raise AccelsimError(f"{space.spec.source.label}: nothing to search: every axis has one value")
    if not 1 <= trials <= MAX_TRIALS:
        raise AccelsimError(f"trials: {trials}; allowed: 1 to {MAX_TRIALS}")
    return _batches(study, distributions, space, simulate, trials, names)


def _batches(
    study: optuna.Study,
    distributions: dict[str, optuna.distributions.BaseDistribution],
    space: Space,
    simulate: Simulate,
    trials: int,
    objectives: Sequence[str],
) -> Iterator[list[Trial]]:
    wanted = degrees_of(space)
    for first in range(0, trials, BATCH):
        # Always a whole batch, so that a search for fewer trials is the beginning of one for more.
        proposals = [_proposal(study.ask(distributions), space) for _ in range(BATCH)]
        proposals = proposals[: trials - first]
        outcomes = simulate([subject for each in proposals for _, subject in each.subjects])
        yield [_told(study, each, outcomes, wanted, objectives) for each in proposals]


def _told(
    study: optuna.Study,
    proposal: _Proposal,
    outcomes: Mapping[str, Outcome],
    wanted: frozenset[Degree],
    objectives: Sequence[str],
) -> Trial:
    """Tell the study what a proposal is worth."""
    from optuna.trial import TrialState

    ran = [(degree, outcomes[subject.id]) for degree, subject in proposal.subjects]
    values, why = None, proposal.why
    if why is None:
        try:
            values = worth(ran, wanted, objectives)
        except Pruned as pruned:
            why = str(pruned)
    if values is None:
        study.tell(proposal.trial, state=TrialState.PRUNED)
    else:
        study.tell(proposal.trial, values)
    points = tuple((subject.id, proposal.labels) for _, subject in proposal.subjects)
    return Trial(proposal.trial.number, proposal.labels, values, why, points)


def _proposal(trial: optuna.Trial, space: Space) -> _Proposal:
    hardware = [
        trial.params.get(_name(dimension), 0) for dimension in space.dimensions[:-WORKLOAD_DIMENSIONS]
    ]
    subjects: list[tuple[Degree, Subject]] = []
    why = None
    for rest in product(*(range(len(each.values)) for each in space.dimensions[-WORKLOAD_DIMENSIONS:])):
        choice = (*hardware, *rest)
        subject = space.at(choice)
        if isinstance(subject, LeftOut):
            if subject.why == "where":
                why = "left out by `where`"
            continue
        settings = space.settings(choice)
        degree = (str(settings["trace"]), str(settings["images"]), subject.workload.scheme.noise)
        subjects.append((degree, subject))
    labels = {**space.labels((*hardware, *[0] * WORKLOAD_DIMENSIONS)), "trial": trial.number}
    return _Proposal(trial, labels, () if why else tuple(subjects), why)


def _distributions(dimensions: Sequence[Dimension]) -> dict[str, optuna.distributions.BaseDistribution]:
    """Places along every dimension that has more than one: in order if the values are, else in no order."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    found: dict[str, optuna.distributions.BaseDistribution] = {}
    for dimension in dimensions:
        count = len(dimension.values)
        if count > 1:
            ordered = IntDistribution(0, count - 1)
            found[_name(dimension)] = (
                ordered if _in_order(dimension) else CategoricalDistribution(tuple(range(count)))
            )
    return found


def _in_order(dimension: Dimension) -> bool:
    """Whether some field rises, or falls, from each value to the next."""
    columns = zip(*dimension.values, strict=True)
    numbers = [column for column in columns if all(type(value) in (int, float) for value in column)]
    return any(
        all(a < b for a, b in pairwise(column)) or all(a > b for a, b in pairwise(column))
        for column in numbers
    )


def _name(dimension: Dimension) -> str:
    return " ".join(dimension.fields)


def _study(sampler: str, seed: int, objectives: int) -> optuna.Study:
    try:
        import optuna
    except ImportError:
        raise missing_extra("search", "Optuna", "search") from None
    if not 0 <= seed < 1 << 32:
        raise AccelsimError(f"seed: {seed}; allowed: 0 to {(1 << 32) - 1}")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    made: optuna.samplers.BaseSampler
    if sampler == "tpe":
        made = optuna.samplers.TPESampler(seed=seed, n_startup_trials=POPULATION, multivariate=True)
    elif sampler == "nsga2":
        made = optuna.samplers.NSGAIISampler(seed=seed, population_size=POPULATION)
    else:
        raise AccelsimError(f"sampler: {sampler!r}; allowed: {', '.join(SAMPLERS)}")
    return optuna.create_study(directions=["minimize"] * objectives, sampler=made)
