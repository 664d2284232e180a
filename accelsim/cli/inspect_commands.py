"""``accelsim inspect`` and ``check``."""

from __future__ import annotations

import click

from accelsim.cli.completion_command import bundled_or_file, trace_or_file
from accelsim.cli.progress import progress_bar
from accelsim.errors import AccelsimError
from accelsim.file_checks import Found, check_file, check_machine_with
from accelsim.file_kinds import kind_of
from accelsim.inputs import DEFAULT_TECHNOLOGY, as_machine, as_technology, as_trace
from accelsim.json_text import json_text
from accelsim.visible_text import visible

EXIT_DAMAGED = 1


@click.command()
@click.argument("file")
@click.option(
    "--technology",
    default=DEFAULT_TECHNOLOGY,
    show_default=True,
    shell_complete=bundled_or_file("hwconfigs/technology"),
    help="For a machine's area and clock.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def inspect(file: str, technology: str, as_json: bool) -> None:
    """Say what FILE holds: a trace, a machine or a technology (a file, or a bundled name).

    \b
    Examples: accelsim inspect resnet18-cifar10
              accelsim inspect hwconfigs/structured.yaml
    """
    from accelsim.report import describe

    kind = kind_of(file)
    if kind == "folder of results":
        raise AccelsimError(f"{file}: is a {kind}; accelsim report {file} --html PAGE.html shows it")
    if kind not in ("trace", "machine", "technology", "sweep", "results"):
        raise AccelsimError(f"{file}: is a {kind}; accelsim check reads it, inspect does not")
    if kind in ("sweep", "results"):
        command = f"accelsim sweep {file} --dry-run" if kind == "sweep" else f"accelsim results {file}"
        raise AccelsimError(f"{file}: is a {kind} file; {command} tells what it holds")
    if kind == "trace":
        content = describe.trace_content(as_trace(file))
    elif kind == "machine":
        content = describe.machine_content(as_machine(file), as_technology(technology))
    else:
        content = describe.technology_content(as_technology(file))
    if as_json:
        click.echo(json_text(content))
    else:
        describe.show(content)


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--technology",
    default=DEFAULT_TECHNOLOGY,
    show_default=True,
    shell_complete=bundled_or_file("hwconfigs/technology"),
    help="What machines are to be made in: their clock and memories are checked against it.",
)
@click.option(
    "--trace",
    "traces",
    multiple=True,
    metavar="TRACE",
    shell_complete=trace_or_file,
    help="Also check whether every machine among FILES can run TRACE. Repeatable.",
)
def check(files: tuple[str, ...], technology: str, traces: tuple[str, ...]) -> None:
    """Read FILES whole and report every fault, a line each: traces block by block, machines,
    technologies, SRAM tables, sweeps, results databases, folders of results, recipes and checkpoints.

    A file is read by the code that a run reads it with. Whether a machine has the selector and the memories for a trace
    depends on both: --trace checks it. Exit code 0 if all are sound, 1 if any is damaged or wrong.

    \b
    Examples: accelsim check traces/*.h5 hwconfigs/*.yaml hwconfigs/sweeps/*.yaml
              accelsim check hwconfigs/structured.yaml --trace resnet18-cifar10
    """
    as_technology(technology)  # a bad option is bad input, no damage of a file
    for trace in traces:
        as_trace(trace)
    sound: dict[str, bool] = {}
    everything = dict.fromkeys((*files, *traces))
    with progress_bar(len(everything), "files") as progress:
        for file in everything:
            sound[file] = _told(file, check_file(file, technology))
            if progress is not None:
                progress(file)
    # Together only what is sound alone, so that nothing is told twice.
    machines = [file for file in files if sound[file] and kind_of(file) == "machine"] if traces else []
    if traces and not machines and all(sound.values()):
        raise AccelsimError("--trace: no machine is among the files; allowed: with at least one")
    pairs = [(machine, trace) for machine in machines for trace in traces if sound[trace]]
    together = [
        _told(f"{machine} with {trace}", check_machine_with(machine, trace, technology))
        for machine, trace in pairs
    ]
    if not all((*sound.values(), *together)):
        click.get_current_context().exit(EXIT_DAMAGED)


def _told(what: str, found: Found) -> bool:
    """Print what a check found; return whether all is sound."""
    problems, summary = found
    for problem in problems:
        click.echo(visible(problem), err=True)
    if not problems:
        click.echo(visible(f"{what}: sound ({summary})"))
    return not problems
