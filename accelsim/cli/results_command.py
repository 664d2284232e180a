"""``accelsim results``: what a results database holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from accelsim.cli.options import Names
from accelsim.json_text import json_text

if TYPE_CHECKING:
    from accelsim.store.flat_table import Row

SHOWN_ROWS = 20


@click.command()
@click.argument("db")
@click.option(
    "--sweep", "sweep_name", help="Only the points of that sweep, in its order. Default: all points."
)
@click.option("--where", help="Only rows for which this holds: 'noise >= 0.75 and mvu.vpus < 32'.")
@click.option("--sort", type=Names(), default=None, help="Fields to sort by; -FIELD for the largest first.")
@click.option(
    "--columns",
    type=Names(),
    default=None,
    help="Columns by name; all for all. Default: what tells the rows apart, and costs.",
)
@click.option("--limit", type=click.IntRange(1), help="At most so many rows.")
@click.option("--out", type=click.Path(dir_okay=False), help="A .csv or .parquet file to write instead.")
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON.")
@click.option("--sweeps", "list_sweeps", is_flag=True, help="List the sweeps of the database.")
@click.option(
    "--machine",
    "machine_of",
    metavar="ID",
    help="Print the machine of a point as YAML; the first digits of its id will do.",
)
def results(
    db: str,
    sweep_name: str | None,
    where: str | None,
    sort: list[str] | None,
    columns: list[str] | None,
    limit: int | None,
    out: str | None,
    as_json: bool,
    list_sweeps: bool,
    machine_of: str | None,
) -> None:
    """Show, filter, sort and export the points of a results database. Can be used while a sweep is writing it.

    \b
    Examples: accelsim results out/sweeps.db --where 'scheme == "nm-1of8"' --sort edp_pj_us --limit 10
              accelsim results out/sweeps.db --sweep mine --out mine.parquet
    """
    from accelsim.store import Store
    from accelsim.store.flat_table import check_table_file, selected, shown_columns, table, write_table

    if out is not None:
        check_table_file(out)
    with Store.open_to_read(db) as store:
        if list_sweeps:
            _show_sweeps(store.sweeps(), as_json)
            return
        if machine_of is not None:
            click.echo(store.machine_of(machine_of).to_yaml(), nl=False)
            return
        rows = table(store, sweep_name)
    wanted = None if columns == ["all"] else columns
    chosen = selected(rows, where, sort or (), wanted)[:limit]
    if out is not None:
        write_table(chosen, out, wanted or list(rows[0] if rows else ()))
        click.echo(f"written: {out} ({len(chosen)} of {len(rows)} points)")
    elif as_json:
        click.echo(json_text(chosen))
    else:
        if columns is None:
            names = shown_columns(chosen)
            chosen = [{name: row[name] for name in names} for row in chosen]
        _show_rows(chosen, len(rows), limit or SHOWN_ROWS)


def _show_rows(rows: list[Row], of: int, most: int) -> None:
    print_rows(rows[:most])
    hidden = f", {len(rows) - most} of them not shown (--limit, --out)" if len(rows) > most else ""
    click.echo(f"{len(rows)} of {of} points{hidden}")


def print_rows(rows: list[Row]) -> None:
    """Print rows of a results table; nothing without a row."""
    from accelsim.tables import frame_of, print_table

    if rows:
        print_table(frame_of(rows), formats=dict.fromkeys(rows[0], _shown))


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:.6g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _show_sweeps(sweeps: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        click.echo(json_text(sweeps))
        return
    for each in sweeps:
        failed = f", {each['failed']} failed" if each["failed"] else ""
        click.echo(f"{each['name']}: {each['done']} of {each['points']} points done{failed}")
