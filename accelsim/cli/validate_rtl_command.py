"""``accelsim validate-rtl``: the core in RTL against both engines and the fixed-point reference."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from typing import Any

import click

from accelsim.bundled import require_clone
from accelsim.cli.options import Names, seed_option
from accelsim.cli.progress import progress_bar
from accelsim.errors import AccelsimError
from accelsim.extras import missing_extra
from accelsim.interrupt import stop_if_pressed


@click.command("validate-rtl")
@click.option(
    "--cases", type=click.IntRange(0, 100_000), default=200, show_default=True, help="Random small layers."
)
@seed_option("Random seed of the first random machine.")
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

    Exits with 1 if anything differs, and names each layer's first difference as it is found. Interrupted, it shows the
    tables of the layers that are done, and writes no file. Needs the extras rtl and train, and for whole
    layers Verilator 5. Compiling a shipped machine takes minutes the first time; it is kept in ~/.cache/accelsim.

    \b
    Examples: accelsim validate-rtl --cases 20 --layers none
              accelsim validate-rtl --out docs/validation.md
    """
    _require_packages()
    if layers != ["none"]:
        require_clone("validate-rtl", "the network and operands of whole layers (all but --layers none)")
    from accelsim.rtl.validation.validate import full_outcomes, random_outcomes, sampled_layers
    from accelsim.rtl.validation.validation_report import check_report, markdown, tools, write_report

    chosen = [] if layers == ["none"] else sampled_layers(None if layers == ["all"] else layers)
    if not cases and not chosen:
        raise AccelsimError("validate-rtl: nothing to do with --cases 0 and --layers none")
    tools(simulator, bool(chosen))  # what is missing is told before the work
    if out is not None:
        check_report(Path(out))
    random: list[Any] = []
    full: list[Any] = []
    start = time.monotonic()

    def tables() -> str:
        return markdown(random, full, seed, simulator, time.monotonic() - start)

    try:
        with progress_bar(cases + len(chosen), "layers") as progress:
            for done, outcomes in (
                (random, random_outcomes(cases, seed, simulator)),  # type: ignore[arg-type]
                (full, full_outcomes(chosen, building=_compiling)),
            ):
                for outcome in outcomes:
                    stop_if_pressed()
                    done.append(outcome)
                    _tell(outcome)
                    if progress is not None:
                        progress(f"{outcome.group} {outcome.what}")
    except KeyboardInterrupt:
        if random or full:  # what was compared is shown, but no file says that it was all
            click.echo(tables())
        raise
    text = tables()
    click.echo(text)
    if out is not None:
        write_report(Path(out), text)
    return 1 if any(outcome.differences for outcome in [*random, *full]) else 0


def _tell(outcome: Any) -> None:
    """A layer that differs, as soon as it is known."""
    if outcome.differences:
        where = f"{outcome.machine}, {outcome.group}, {outcome.what}"
        click.echo(f"accelsim: {where}: {outcome.differences[0]}", err=True)


def _compiling(machine: str) -> None:
    click.echo(f"accelsim: compiling {machine} with Verilator, which takes minutes; it is kept", err=True)


def _require_packages() -> None:
    for package in ("amaranth", "pyosys", "torch"):
        if importlib.util.find_spec(package) is None:
            raise missing_extra("validate-rtl", package, "rtl,train")
