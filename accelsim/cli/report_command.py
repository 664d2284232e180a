"""``accelsim report``."""

from __future__ import annotations

import click

from accelsim.cli.search_commands import objectives_option
from accelsim.search.pareto import PER


@click.command()
@click.argument("results", nargs=-1, required=True, metavar="RESULTS...")
@click.option("--html", required=True, help="The .html file to write; one of that name is replaced.")
@click.option("--title", help="Of the page. Default: the names of RESULTS.")
@click.option(
    "--technology",
    help="What a folder was simulated with, if no bundled one: energy by item and area need it.",
)
@click.option("--sweep", help="Of a database, only the points of that sweep or search.")
@click.option("--where", help="Of a database, only points for which this holds: 'noise >= 0.75'.")
@objectives_option
@click.option(
    "--per",
    type=click.Choice(PER),
    default=PER[0],
    show_default=True,
    help="Which points of a database compete: those of the same noise, each scheme only with itself, or all.",
)
def report(
    results: tuple[str, ...],
    html: str,
    title: str | None,
    technology: str | None,
    sweep: str | None,
    where: str | None,
    objectives: list[str],
    per: str,
) -> None:
    """Write one HTML page about RESULTS: a folder that run, compare or figure5 wrote, a results database, or both.

    The page needs no network and nothing beside it: charts, every layer with its energy and idle reasons, Pareto fronts,
    and where it all came from.

    \b
    Examples: accelsim report out/figure5 --html out/figure5.html
              accelsim report out/sweeps.db --where 'noise >= 0.75' --html out/sweep.html
    """
    from accelsim.report.html import write_report

    path = write_report(
        results,
        html,
        title=title,
        technology=technology,
        sweep=sweep,
        where=where,
        objectives=objectives,
        per=per,
    )
    size = f" ({path.stat().st_size / 1e6:.1f} MB)" if path.is_file() else ""
    click.echo(f"written: {path}{size}")
