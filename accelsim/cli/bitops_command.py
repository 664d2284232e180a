"""``accelsim bitops``: the paper's measure of arithmetic, beside its tables or of a trace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from accelsim.cli.completion_command import trace_or_file
from accelsim.cli.options import images_option, json_option
from accelsim.json_text import json_text

if TYPE_CHECKING:
    from accelsim.bitops.paper_comparison import Entry


@click.command()
@click.argument("trace", required=False, shell_complete=trace_or_file)
@images_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A .csv file to write too.")
@click.option("--markdown", is_flag=True, help="Print the paper's entries as Markdown.")
@json_option
def bitops(trace: str | None, images: slice | None, out: Path | None, markdown: bool, as_json: bool) -> None:
    """Print every BitOPs entry of the paper's Tables 1, 2 and 4 beside ours; or those of TRACE's schemes.

    \b
    Examples: accelsim bitops
              accelsim bitops resnet18-cifar10 --images 0:2
    """
    from accelsim.errors import AccelsimError
    from accelsim.files import check_output_file

    if trace is None and images is not None:
        raise AccelsimError("bitops: --images needs a TRACE")
    if markdown:
        if trace is not None or as_json or out is not None:
            raise AccelsimError(
                "bitops: --markdown prints the paper's entries; leave TRACE, --json and --out out"
            )
        from accelsim.bitops.paper_comparison import bitops_markdown

        click.echo(bitops_markdown(_entries()), nl=False)
        return
    if out is not None:
        if out.suffix != ".csv":
            raise AccelsimError(f"{out}: the name must end in .csv")
        check_output_file(out)
    rows = [entry.as_row() for entry in _entries()] if trace is None else _trace_rows(trace, images)
    if out is not None:
        _write(rows, out)
    if as_json:
        click.echo(json_text(rows))
    else:
        _show(rows)


def _entries() -> list[Entry]:
    from accelsim.bitops.paper_comparison import TRACES, entries
    from accelsim.inputs import as_trace

    return entries({name: as_trace(file) for name, file in TRACES.items()})


def _trace_rows(file: str, images: slice | None) -> list[dict[str, Any]]:
    from accelsim.bitops import trace_bitops
    from accelsim.inputs import as_trace
    from accelsim.schemes import BASELINE
    from accelsim.selections import chosen_images

    trace = as_trace(file)
    count = len(chosen_images(trace, images))
    rows = []
    names = [BASELINE.name, *(scheme.name for scheme in trace.schemes if scheme != BASELINE)]
    spent = {name: trace_bitops(trace, name, images) for name in names}
    for name, cost in spent.items():
        rows.append(
            {
                "scheme": name,
                "images": count,
                "bitops_per_image": cost.total / count,
                "relative": cost.total / spent[BASELINE.name].total,
                "precise_share": cost.precise / cost.total,
                "approximate_share": cost.approximate / cost.total,
                "projection_share": cost.projection / cost.total,
            }
        )
    return rows


def _write(rows: list[dict[str, Any]], out: Path) -> None:
    from accelsim.tables import frame_of, write_csv

    write_csv(frame_of(rows), out)


def _show(rows: list[dict[str, Any]]) -> None:
    from accelsim.tables import Format, frame_of, print_table

    formats: dict[str, Format] = {name: ".4f" for name in rows[0] if name.endswith(("relative", "share"))}
    formats |= {name: ".3g" for name in rows[0] if name.endswith(("bitops", "bitops_per_image"))}
    formats["difference"] = lambda value: f"{100 * value:+.2f} %"
    print_table(frame_of(rows), formats=formats)
