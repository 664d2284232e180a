"""``accelsim search`` and ``pareto``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from accelsim.cli.completion_command import bundled_or_file
from accelsim.cli.options import Names, engine_option
from accelsim.cli.progress import progress_bar
from accelsim.cli.results_command import print_rows
from accelsim.cli.sweep_command import DEFAULT_DB, check_one_of, executor_of, scheduler_option, workers_option
from accelsim.errors import AccelsimError
from accelsim.json_text import json_text
from accelsim.search import DEFAULT_OBJECTIVES, PER, SAMPLERS

if TYPE_CHECKING:
    from accelsim.search.optuna_search import Sampler
    from accelsim.search.pareto import Per
    from accelsim.search.search_run import Search
    from accelsim.store.flat_table import Row

SHOWN_ROWS = 20

objectives_option = click.option(
    "--objectives",
    type=Names(),
    default=",".join(DEFAULT_OBJECTIVES),
    show_default=True,
    help="Costs, all to be small.",
)


@click.command()
@click.argument("spec", metavar="SWEEP.yaml", shell_complete=bundled_or_file("hwconfigs/sweeps"))
@click.option(
    "--trials", type=click.IntRange(1), default=200, show_default=True, help="How many combinations."
)
@click.option(
    "--sampler",
    type=click.Choice(SAMPLERS),
    default=SAMPLERS[0],
    show_default=True,
    help="How the next combination is proposed.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="The same seed goes through the same trials."
)
@click.option("--db", default=DEFAULT_DB, show_default=True, help="The results database; made if missing.")
@click.option("--name", help="Of the search in the database. Default: NAME-SAMPLER-SEED, NAME the sweep's.")
@objectives_option
@workers_option
@scheduler_option
@engine_option
@click.option("--json", "as_json", is_flag=True, help="Print the summary and the front as JSON.")
def search(
    spec: str,
    trials: int,
    sampler: str,
    seed: int,
    db: str,
    name: str | None,
    objectives: list[str],
    workers: int | None,
    scheduler: str | None,
    engine: str,
    as_json: bool,
) -> None:
    """Look for the best machines among those that SWEEP.yaml spans, without simulating all of them.

    Optuna (the extra `search`) proposes values for the machines and axes; each trial runs all traces, schemes and images
    of the file. What the database has already is not run again, so the same command goes on where it was interrupted,
    and with more --trials from where it ended.

    \b
    Example: accelsim search mine.yaml --trials 300 --db out/mine.db
             accelsim pareto out/mine.db --plot out/front.png
    """
    from accelsim.search.search_run import run_search
    from accelsim.store import Store
    from accelsim.sweep.space import open_space
    from accelsim.sweep.sweep_file import load_sweep

    check_one_of(workers, scheduler)
    loaded = load_sweep(spec)
    space = open_space(loaded)
    of_database = name or f"{loaded.file.name}-{sampler}-{seed}"
    with (
        Store.open(db) as store,
        executor_of(workers, scheduler) as executor,
        progress_bar(trials, "trials") as progress,
    ):
        found = run_search(
            space,
            store,
            of_database,
            trials=trials,
            sampler=cast("Sampler", sampler),
            seed=seed,
            objectives=objectives,
            engine=engine,
            executor=executor,
            report=None if progress is None else lambda trial: progress(f"{trial.number + 1}"),
        )
    _show_search(found, of_database, objectives, db, as_json)


def _show_search(found: Search, name: str, objectives: list[str], db: str, as_json: bool) -> None:
    front = [
        {**trial.labels, **dict(zip(objectives, trial.values or (), strict=True))} for trial in found.front
    ]
    if as_json:
        content = {
            "search": name,
            "trials": len(found.trials),
            "simulated": found.simulated,
            "pruned": len(found.pruned),
            "front": front,
            "db": db,
        }
        click.echo(json_text(content))
        return
    axes = [each for each in front[0] if each == "machine" or _varies(front, each)] if front else []
    _show_rows([{each: row[each] for each in axes} for row in front])
    click.echo(
        f"{name}: {len(found.trials)} trials, {found.distinct} different, {found.simulated} points simulated now; "
        f"{len(found.front)} on the front"
    )
    if found.pruned:
        why, count = found.most_pruned
        click.echo(f"  {len(found.pruned)} trials pruned; {count} of them: {why}")
    click.echo(f"written: {db}")


@click.command()
@click.argument("db")
@click.option("--sweep", "sweep_name", help="Only the points of that sweep or search. Default: all points.")
@click.option("--where", help="Only points for which this holds: 'noise >= 0.75 and area_mm2 < 20'.")
@objectives_option
@click.option(
    "--per",
    type=click.Choice(PER),
    default=PER[0],
    show_default=True,
    help="Which schemes compete: those of the same noise, each only with itself, or all.",
)
@click.option(
    "--out", type=click.Path(dir_okay=False), help="A .csv or .parquet file: all points, `front` marked."
)
@click.option(
    "--plot", type=click.Path(dir_okay=False), help="A .png, .svg or .pdf file: a picture of the fronts."
)
@click.option("--json", "as_json", is_flag=True, help="Print the points of the fronts as JSON.")
def pareto(
    db: str,
    sweep_name: str | None,
    where: str | None,
    objectives: list[str],
    per: str,
    out: str | None,
    plot: str | None,
    as_json: bool,
) -> None:
    """Say which points of a results database no other point beats in every objective.

    Points compete only if they ran the same images of the same network with the same technology.

    \b
    Examples: accelsim pareto out/sweeps.db --where 'noise == 0.875' --plot out/front.png
              accelsim pareto out/sweeps.db --objectives edp_pj_us,area_mm2 --out out/front.csv
    """
    from accelsim.files import check_output_file, replaced
    from accelsim.pictures import check_picture
    from accelsim.search.front_plot import plot_fronts
    from accelsim.search.pareto import checked_objectives, with_fronts
    from accelsim.store import Store
    from accelsim.store.flat_table import check_table_file, selected, table, write_table

    checked_objectives(objectives)
    if out is not None:
        check_table_file(out)
    if plot is not None:
        check_picture(plot)
        check_output_file(plot)
    with Store.open_to_read(db) as store:
        rows = with_fronts(selected(table(store, sweep_name), where), objectives, cast("Per", per))
    if not rows:
        raise AccelsimError(f"{db}: no points that ran{' and are asked for' if sweep_name or where else ''}")
    if out is not None:
        write_table(rows, out)
    if plot is not None:
        path = Path(plot)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(path) as temporary:
            plot_fronts(rows, objectives, temporary)
    front = [row for row in rows if row["front"]]
    if as_json:
        click.echo(json_text(front))
        return
    columns = [*_telling(rows), *objectives]
    for group in range(rows[-1]["group"] + 1):
        best = [row for row in front if row["group"] == group]
        best.sort(key=lambda row: [row[name] for name in objectives])
        _show_rows([{name: row[name] for name in columns} for row in best])
    click.echo(f"{len(front)} of {len(rows)} points are on a front")
    for path_written in filter(None, (out, plot)):
        click.echo(f"written: {path_written}")


def _telling(rows: list[Row]) -> list[str]:
    """What tells points apart: what they are called, and the fields in which machines of one name differ."""
    from accelsim.store.flat_table import telling_fields

    named = [name for name in ("network", "scheme") if _varies(rows, name)]
    return [*named, "machine", *telling_fields(rows)]


def _varies(rows: list[Row], name: str) -> bool:
    return any(row[name] != rows[0][name] for row in rows)


def _show_rows(rows: list[dict[str, Any]]) -> None:
    print_rows(rows[:SHOWN_ROWS])
    if len(rows) > SHOWN_ROWS:
        click.echo(f"... and {len(rows) - SHOWN_ROWS} more (--json, --out)")
