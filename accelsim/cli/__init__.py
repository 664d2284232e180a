"""The command line: thin commands over the Python API. Bad input is one line on stderr and exit code 2."""

from __future__ import annotations

import sys

import click

from accelsim.cli.area_command import area
from accelsim.cli.bitops_command import bitops
from accelsim.cli.completion_command import completion
from accelsim.cli.export_command import export
from accelsim.cli.inspect_commands import check, inspect
from accelsim.cli.network_commands import accuracy, prepare
from accelsim.cli.program import run_program
from accelsim.cli.report_command import report
from accelsim.cli.results_command import results
from accelsim.cli.schema_command import schema
from accelsim.cli.search_commands import pareto, search
from accelsim.cli.simulation_commands import compare, figure5, run
from accelsim.cli.sweep_command import sweep
from accelsim.cli.timeline_command import timeline
from accelsim.cli.validate_rtl_command import validate_rtl
from accelsim.early_interrupt import INTERRUPTED
from accelsim.version import __version__

PREFIX = "accelsim: "


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="accelsim")
def cli() -> None:
    """Cycle-accurate simulation of accelerators for noise-injected neural networks.

    \b
    accelsim figure5                                        the paper's Figure 5, from the bundled traces
    accelsim run resnet18-cifar10 --machine structured --out out/run
    accelsim inspect resnet18-cifar10                       what a trace, machine or technology holds
    """


for command in (
    figure5,
    run,
    compare,
    sweep,
    search,
    results,
    pareto,
    report,
    timeline,
    bitops,
    export,
    prepare,
    accuracy,
    inspect,
    area,
    check,
    schema,
    completion,
    validate_rtl,
):
    cli.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Entry point of ``accelsim``; exits with 0, 1 (check found damage, output full), 2 (bad input) or 130 (Ctrl-C)."""
    interrupted = INTERRUPTED.removeprefix(PREFIX)
    sys.exit(run_program(cli, arguments, name="accelsim", prefix=PREFIX, interrupted=interrupted))
