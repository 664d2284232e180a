"""``accelsim timeline``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from accelsim.cli.completion_command import layers_of_trace, schemes_of_trace, trace_or_file
from accelsim.cli.options import json_option, machine_option, technology_option
from accelsim.cli.progress import progress_bar
from accelsim.errors import AccelsimError
from accelsim.files import check_output_file, replaced
from accelsim.inputs import as_machine, as_technology, as_trace
from accelsim.json_text import json_text
from accelsim.version import __version__

if TYPE_CHECKING:
    from accelsim.timeline import View

FORMATS = (".json", ".vcd")
MAX_JOBS = 50_000
"""A file of some 25 MB, which viewers still open."""


@click.command()
@click.argument("trace", shell_complete=trace_or_file)
@machine_option
@click.option(
    "--scheme", required=True, shell_complete=schemes_of_trace, help="A scheme of the trace by name."
)
@click.option("--layer", required=True, shell_complete=layers_of_trace, help="A layer by name.")
@click.option(
    "--image", type=click.IntRange(0), default=0, show_default=True, help="The image, by index in the trace."
)
@click.option(
    "--blocks",
    metavar="A..B",
    default="0..",
    show_default="all",
    help="Blocks to show, both ends included, numbered through the layer's tiles.",
)
@technology_option
@click.option(
    "--out",
    type=click.Path(dir_okay=False),
    multiple=True,
    help="A .json file (Perfetto, chrome://tracing) or a .vcd file (waveform viewers); may be given twice.",
)
@click.option(
    "--plot", type=click.Path(dir_okay=False), help="A .png, .svg or .pdf file: power and energy over time."
)
@click.option(
    "--max-jobs",
    type=click.IntRange(1, 2_000_000),
    default=MAX_JOBS,
    show_default=True,
    help="Refuse to write more jobs than that.",
)
@json_option
def timeline(
    trace: str,
    machine: str,
    scheme: str,
    layer: str,
    image: int,
    blocks: str,
    technology: str,
    out: tuple[str, ...],
    plot: str | None,
    max_jobs: int,
    as_json: bool,
) -> None:
    """When each unit of the machine does what in one layer of TRACE, and what power that takes.

    \b
    Example: accelsim timeline resnet18-cifar10 --machine structured --scheme nm-1of8 --layer layer1.0.conv1
                 --blocks 0..31 --out out/layer.json --out out/layer.vcd --plot out/power.png
    """
    from accelsim.energy import check_clock
    from accelsim.mapping import tile_layer
    from accelsim.selections import check_fits, chosen_images, chosen_layers, chosen_schemes
    from accelsim.timeline import BlockRange, View, record_layer

    files = _checked_files(out, plot)
    opened, loaded, tech = as_trace(trace), as_machine(machine), as_technology(technology)
    (chosen,), (name,) = chosen_schemes(opened, [scheme], loaded), chosen_layers(opened, [layer])
    chosen_images(opened, slice(image, image + 1))
    check_clock(loaded, tech)
    check_fits(opened, [chosen], loaded, [name])
    wanted = BlockRange.parse(blocks)
    for file in files:
        check_output_file(file)

    masks = opened.layer(name, chosen.name, images=slice(image, image + 1))
    with progress_bar(len(tile_layer(masks, loaded)), "tiles") as progress:
        schedule = record_layer(
            masks, loaded, check=lambda jobs: wanted.check(name, jobs, max_jobs), progress=progress
        )
    view = View(schedule, tech, wanted.of(name, schedule.counts.blocks))
    provenance = {
        "accelsim": __version__,
        "trace": {"file": Path(opened.path).name, "sha256": opened.sha256},
        "scheme": chosen.name,
        "image_id": opened.image_ids[image],
        "machine": {"name": loaded.name, "sha256": loaded.sha256},
        "technology": {"name": tech.name, "sha256": tech.sha256},
    }
    for file in files:
        _write(view, file, provenance)
    summary = _summary(view)
    if as_json:
        click.echo(json_text(provenance | summary))
        return
    for key, value in summary.items():
        click.echo(f"{key:<20} {value:,.6g}" if isinstance(value, float) else f"{key:<20} {value}")
    click.echo("written: " + ", ".join(str(file) for file in files))


def _checked_files(out: tuple[str, ...], plot: str | None) -> list[Path]:
    """Raises AccelsimError, before any work, if a file cannot be what it is called, or none is asked for."""
    from accelsim.pictures import check_picture

    for name in out:
        if Path(name).suffix not in FORMATS:
            raise AccelsimError(f"{name}: allowed are files that end in {', '.join(FORMATS)}")
    if plot is not None:
        check_picture(plot)
    files = [Path(name) for name in (*out, *([plot] if plot is not None else []))]
    if not files:
        raise AccelsimError("timeline: give --out, --plot or both")
    return files


def _write(view: View, file: Path, provenance: dict[str, Any]) -> None:
    from accelsim.timeline import write_trace_events, write_vcd
    from accelsim.timeline.power_plot import plot_power

    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".json":
        write_trace_events(view, file, provenance)
    elif file.suffix == ".vcd":
        write_vcd(view, file, [json_text(provenance)])
    else:
        with replaced(file) as temporary:
            plot_power(view, temporary)


def _summary(view: View) -> dict[str, int | float | str]:
    schedule, power = view.schedule, view.power
    low, high = view.window
    pj = sum(float(power.cumulative_pj(group)[-1]) for group in power.mw)
    return {
        "layer": schedule.layer,
        "layer_cycles": schedule.cycles,
        "layer_energy_pj": pj,
        "mean_mw": pj * schedule.machine.clock_mhz / 1000 / schedule.cycles,
        "peak_mw": float(power.total_mw.max()),
        "blocks_of_layer": schedule.counts.blocks,
        "blocks_shown": f"{view.blocks.start}..{view.blocks.stop - 1}",
        "cycles_shown": f"{low}..{high - 1}",
        "jobs_shown": len(view.slices),
    }
