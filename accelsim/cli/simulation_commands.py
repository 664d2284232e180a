"""``accelsim run``, ``compare`` and ``figure5``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from accelsim.cli.completion_command import layers_of_trace, trace_or_file
from accelsim.cli.options import (
    Names,
    engine_option,
    images_option,
    json_option,
    machine_names,
    machine_option,
    out_option,
    schemes_option,
    seed_option,
    technology_option,
)
from accelsim.cli.progress import progress_bar
from accelsim.compare import FIRST_THRESHOLD
from accelsim.energy.spread import DEFAULT_SPREAD, MAX_DRAWS, Spread
from accelsim.inputs import BUNDLED_TRACES, as_machine, as_technology, as_trace
from accelsim.json_text import json_text

if TYPE_CHECKING:
    from pathlib import Path

    from accelsim.results import Results


def comparison_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that ``compare`` and ``figure5`` share, in the order of the help page."""
    for option in reversed(
        (
            click.option(
                "--machines",
                type=Names(),
                show_default="the bundled ones that make the trace's form of projection",
                shell_complete=machine_names,
                help="Files or bundled names.",
            ),
            schemes_option,
            images_option,
            technology_option,
            click.option(
                "--iso-area-with",
                default=FIRST_THRESHOLD,
                show_default="the first with a threshold selector, if machines are named",
                help="Size the other machines to the area of this one (by name).",
            ),
            click.option("--no-iso-area", is_flag=True, help="Take the machines as their files say."),
            engine_option,
            json_option,
        )
    ):
        command = option(command)
    return command


def _finish(results: Results, paths: list[Path], as_json: bool) -> None:
    from accelsim.report.terminal import show_files, show_summary

    if as_json:
        click.echo(json_text(results.as_json()))
    else:
        show_summary(results.summary)
        show_files(paths)


@click.command()
@click.argument("trace", shell_complete=trace_or_file)
@machine_option
@schemes_option
@images_option
@click.option("--layers", type=Names(), shell_complete=layers_of_trace, help="Layers by name. Default: all.")
@technology_option
@engine_option
@out_option(None)
@json_option
def run(
    trace: str,
    machine: str,
    schemes: list[str] | None,
    images: slice | None,
    layers: list[str] | None,
    technology: str,
    engine: str,
    out: str,
    as_json: bool,
) -> None:
    """Simulate TRACE (a file or a bundled trace's name) on one machine.

    \b
    Example: accelsim run resnet18-cifar10 --machine structured --images 0:2 --out out/run
    """
    from accelsim.results.run_results import check_results_folder
    from accelsim.selections import chosen_images, chosen_schemes
    from accelsim.simulate import simulate

    opened, loaded = as_trace(trace), as_machine(machine)
    check_results_folder(out)
    total = len(chosen_schemes(opened, schemes, loaded)) * len(chosen_images(opened, images))
    with progress_bar(total, "images") as progress:
        results = simulate(
            opened,
            loaded,
            technology=technology,
            schemes=schemes,
            images=images,
            layers=layers,
            engine=engine,
            progress=progress,
        )
    _finish(results, results.write(out), as_json)


@click.command()
@click.argument("trace", shell_complete=trace_or_file)
@comparison_options
@out_option(None)
def compare(
    trace: str,
    machines: list[str] | None,
    schemes: list[str] | None,
    images: slice | None,
    technology: str,
    iso_area_with: str,
    no_iso_area: bool,
    engine: str,
    out: str,
    as_json: bool,
) -> None:
    """Run each scheme of TRACE on the machines made for it, at the same area, relative to dense.

    \b
    Example: accelsim compare resnet18-cifar10 --schemes unstructured-87.5,nm-1of8 --out out/compare
    """
    from accelsim.compare import compare as run_comparison
    from accelsim.compare import plan_comparison
    from accelsim.energy import area
    from accelsim.report.terminal import show_files, show_machines, show_relative
    from accelsim.results.normalize import normalized
    from accelsim.results.run_results import check_results_folder

    opened, loaded = as_trace(trace), as_technology(technology)
    area_of = None if no_iso_area else iso_area_with
    plan = plan_comparison(opened, machines, technology=loaded, schemes=schemes, iso_area_with=area_of)
    check_results_folder(out)
    with progress_bar(plan.steps(opened, images), "images") as progress:
        results = run_comparison(
            opened,
            machines,
            technology=loaded,
            schemes=schemes,
            images=images,
            iso_area_with=area_of,
            engine=engine,
            progress=progress,
        )
    paths = results.write(out)
    table = normalized(results.summary)
    if as_json:
        content = json.loads(table.to_json(orient="records", double_precision=15))
        click.echo(json_text({"table": content, "provenance": results.provenance}))
    else:
        show_machines(
            results, {name: area(each, loaded).total_mm2 for name, each in results.machines.items()}
        )
        show_relative(table)
        show_files(paths)


@click.command()
@click.option(
    "--traces",
    type=Names(),
    default=",".join(BUNDLED_TRACES),
    show_default=True,
    shell_complete=trace_or_file,
    help="Files or bundled names.",
)
@comparison_options
@click.option(
    "--draws",
    type=click.IntRange(0, MAX_DRAWS),
    default=DEFAULT_SPREAD.draws,
    show_default=True,
    help="Draws of the energy constants for the error bars; 0: none.",
)
@click.option(
    "--spread",
    type=float,
    default=DEFAULT_SPREAD.by,
    show_default=True,
    help="How far a constant may be off, as a share of it.",
)
@seed_option("Random seed for the error bars.", DEFAULT_SPREAD.seed)
@out_option("out/figure5")
def figure5(
    traces: list[str],
    machines: list[str] | None,
    schemes: list[str] | None,
    images: slice | None,
    technology: str,
    iso_area_with: str,
    no_iso_area: bool,
    engine: str,
    draws: int,
    spread: float,
    seed: int,
    out: str,
    as_json: bool,
) -> None:
    """The paper's Figure 5: time, energy and EDP of every scheme relative to dense, and its claims C1 to C5.

    Error bars show the ratios if every energy constant is off by as much as --spread.

    \b
    Example: accelsim figure5 --out out/figure5
    """
    from accelsim.compare import plan_comparison
    from accelsim.report.figure5 import figure5 as make_figure
    from accelsim.report.figure5 import write_figure5
    from accelsim.report.terminal import (
        show_claims,
        show_files,
        show_machines,
        show_relative,
        show_uncertainty,
    )
    from accelsim.results.run_results import check_results_folder

    drawn = Spread(by=spread, draws=draws, seed=seed) if draws else None
    opened, loaded = [as_trace(trace) for trace in traces], as_technology(technology)
    area_of = None if no_iso_area else iso_area_with
    steps = 0
    for trace in opened:
        plan = plan_comparison(trace, machines, technology=loaded, schemes=schemes, iso_area_with=area_of)
        steps += plan.steps(trace, images)
    check_results_folder(out)
    with progress_bar(steps, "images") as progress:
        figure = make_figure(
            opened,
            machines,
            technology=loaded,
            schemes=schemes,
            images=images,
            iso_area_with=area_of,
            engine=engine,
            spread=drawn,
            progress=progress,
        )
    paths = write_figure5(figure, out)
    if as_json:
        content: dict[str, Any] = {
            "table": json.loads(figure.table.to_json(orient="records", double_precision=15)),
            "claims": [claim.as_dict() for claim in figure.claims],
            "areas_mm2": figure.areas_mm2,
            "provenance": figure.results.provenance,
        }
        click.echo(json_text(content))
        return
    show_machines(figure.results, figure.areas_mm2)
    show_relative(figure.table)
    if figure.uncertainty is not None:
        show_uncertainty(figure.table, figure.uncertainty)
    show_claims(figure.claims)
    show_files(paths)
