"""``accelsim area``."""

from __future__ import annotations

import click

from accelsim.cli.options import machine_names, technology_option
from accelsim.inputs import as_machine, as_technology
from accelsim.json_text import json_text


@click.command()
@click.argument("machines", nargs=-1, required=True, shell_complete=machine_names)
@technology_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def area(machines: tuple[str, ...], technology: str, as_json: bool) -> None:
    """Where the area of MACHINES goes, block by block with sources, and their VPUs at the area of the first.

    \b
    Example: accelsim area unstructured structured dense
    """
    from accelsim.report import describe
    from accelsim.report.area_report import areas_content

    content = areas_content([as_machine(machine) for machine in machines], as_technology(technology))
    if as_json:
        click.echo(json_text(content))
    else:
        describe.show(content)
