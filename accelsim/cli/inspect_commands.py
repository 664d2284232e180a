"""``accelsim inspect`` and ``check``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from accelsim.bundled import bundled_path
from accelsim.cli.completion_command import bundled_or_file
from accelsim.cli.progress import progress_bar
from accelsim.errors import AccelsimError
from accelsim.file_kinds import kind_of
from accelsim.inputs import ALL_TRACES, DEFAULT_TECHNOLOGY, as_machine, as_technology, as_trace
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
    if kind == "folder":
        raise AccelsimError(
            f"{file}: is a folder of results; accelsim report {file} --html PAGE.html shows it"
        )
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
        click.echo(json.dumps(content))
    else:
        describe.show(content)


@click.command()
@click.argument("files", nargs=-1, required=True)
def check(files: tuple[str, ...]) -> None:
    """Read FILES whole and report every fault, a line each: traces block by block, machines,
    technologies, sweeps, results databases and folders of results.

    Exit code 0 if all are sound, 1 if any is damaged or wrong.

    \b
    Example: accelsim check traces/*.h5 hwconfigs/*.yaml hwconfigs/sweeps/*.yaml
    """
    sound = True
    with progress_bar(len(files), "files") as progress:
        for file in files:
            problems, summary = _check_one(file)
            sound = sound and not problems
            for problem in problems:
                click.echo(visible(problem), err=True)
            if not problems:
                click.echo(visible(f"{file}: sound ({summary})"))
            if progress is not None:
                progress(file)
    if not sound:
        click.get_current_context().exit(EXIT_DAMAGED)


def _check_one(file: str) -> tuple[tuple[str, ...], str]:
    from accelsim.trace import check_trace

    try:
        kind = kind_of(file)
        if kind == "trace":
            bundled = file in ALL_TRACES and not Path(file).exists()
            report = check_trace(bundled_path(f"traces/{file}.h5") if bundled else file)
            return report.problems, f"trace, {report.blocks_checked} blocks"
        if kind == "machine":
            return (), f"machine {as_machine(file).name}"
        if kind == "sweep":
            from accelsim.sweep import load_sweep, open_space

            return (), f"sweep, {open_space(load_sweep(file)).combinations} combinations"
        if kind == "results":
            from accelsim.store import Store

            with Store.open_to_read(file) as store:
                problems = store.problems()
                before = "" if store.has_checksums else "; written before checksums"
                return problems, "" if problems else f"results, {len(store.done())} points done{before}"
        if kind == "folder":
            return _check_folder(Path(file))
        return (), f"technology {as_technology(file).name}"
    except AccelsimError as error:
        return (str(error),), ""


def _check_folder(folder: Path) -> tuple[tuple[str, ...], str]:
    from accelsim.report.html.result_folder import READ_FILES, read_folder
    from accelsim.results.folder_checksums import folder_problems, has_checksums

    if problems := folder_problems(folder, READ_FILES):
        return tuple(problems), ""
    rows = len(read_folder(folder).layers)
    before = "" if has_checksums(folder) else "; written before checksums"
    return (), f"folder of results, {rows} rows{before}"
