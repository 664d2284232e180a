"""``accelsim validate-rtl``: the core in RTL against both engines and the fixed-point reference."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from typing import Any

import click

from accelsim.cli.options import Names
from accelsim.cli.progress import progress_bar
from accelsim.errors import AccelsimError
from accelsim.extras import missing_extra
from accelsim.interrupt import stop_if_pressed


@click.command("validate-rtl")
@click.option(
    "--cases", type=click.IntRange(0, 100_000), default=200, show_default=True, help="Random small layers."
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    show_default=True,
    help="Of the first random machine.",
)
@click.option(
    "--simulator",
    type=click.Choice(["amaranth", "verilator"]),
    default="amaranth",
    show_default=True,
    help="What runs the random layers. Verilator compiles every machine first.",
)
@click.option(
    "--layers",
    type=Names(),
    default="all",
    show_default=True,
    help="Whole layers of ResNet-18 to run under Verilator: names, all or none.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False),
    help="Markdown file for the tables; in one that has the markers, such as docs/validation.md, between them.",
)
def validate_rtl(cases: int, seed: int, simulator: str, layers: list[str], out: str | None) -> int:
    """Run the core's RTL and compare every word of z', the cycles and all counts, layer by layer.

    Exits with 1 if anything differs and names the first difference. Needs the extras rtl and train, and for whole
    layers Verilator 5. Compiling a shipped machine takes minutes the first time; it is kept in ~/.cache/accelsim.

    \b
    Examples: accelsim validate-rtl --cases 20 --layers none
              accelsim validate-rtl --out docs/validation.md
    """
    _require_packages()
    from rtl.validate import full_outcomes, random_outcomes, sampled_layers
    from rtl.validation_report import check_report, markdown, tools, write_report

    chosen = [] if layers == ["none"] else sampled_layers(None if layers == ["all"] else layers)
    if not cases and not chosen:
        raise AccelsimError("validate-rtl: nothing to do with --cases 0 and --layers none")
    tools(simulator, bool(chosen))  # what is missing is told before the work
    if out is not None:
        check_report(Path(out))
    random: list[Any] = []
    full: list[Any] = []
    start = time.monotonic()
    with progress_bar(cases + len(chosen), "layers") as progress:
        say = progress or (lambda text: None)
        for outcome in random_outcomes(cases, seed, simulator):  # type: ignore[arg-type]
            stop_if_pressed()
            random.append(outcome)
            say(f"{outcome.group} {outcome.what}")
        for outcome in full_outcomes(chosen, building=_compiling):
            stop_if_pressed()
            full.append(outcome)
            say(f"{outcome.group} {outcome.what}")
    text = markdown(random, full, seed, simulator, time.monotonic() - start)
    click.echo(text)
    if out is not None:
        write_report(Path(out), text)
    for outcome in [*random, *full]:
        if outcome.differences:
            click.echo(
                f"accelsim: {outcome.machine}, {outcome.group}, {outcome.what}: {outcome.differences[0]}",
                err=True,
            )
            return 1
    return 0


def _compiling(machine: str) -> None:
    click.echo(f"accelsim: compiling {machine} with Verilator, which takes minutes; it is kept", err=True)


def _require_packages() -> None:
    for package in ("amaranth", "pyosys", "torch"):
        if importlib.util.find_spec(package) is None:
            raise missing_extra("validate-rtl", package, "rtl,train")
    if importlib.util.find_spec("rtl") is None:
        raise AccelsimError("validate-rtl: accelsim's package rtl is not installed")
