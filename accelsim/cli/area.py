"""``accelsim area``."""

from __future__ import annotations

import json

import click

from accelsim.inputs import DEFAULT_TECHNOLOGY, as_machine, as_technology


@click.command()
@click.argument("machines", nargs=-1, required=True)
@click.option(
    "--technology", default=DEFAULT_TECHNOLOGY, show_default=True, help="A file, or a bundled name."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def area(machines: tuple[str, ...], technology: str, as_json: bool) -> None:
    """Where the area of MACHINES goes, block by block with sources, and their VPUs at the area of the first.

    \b
    Example: accelsim area unstructured structured dense
    """
    from accelsim.report import describe
    from accelsim.report.areas import areas_content

    content = areas_content([as_machine(machine) for machine in machines], as_technology(technology))
    if as_json:
        click.echo(json.dumps(content))
    else:
        describe.show(content)
