"""``accelsim export``: from a PyTorch network to a trace file."""

from __future__ import annotations

import click

from accelsim.cli.completion_command import example_schemes
from accelsim.cli.options import (
    ImageRange,
    Names,
    linear_option,
    overwrite_option,
    precision_option,
    projection_options,
    seed_option,
)
from accelsim.cli.progress import progress_bar
from accelsim.errors import AccelsimError
from accelsim.extras import require_torch
from accelsim.files import check_output_file
from accelsim.forms import Form
from accelsim.nn.layers.projection_forms import Density
from accelsim.trace import Scheme

DEFAULT_SCHEMES = "dense,unstructured-50,unstructured-75,unstructured-87.5,nm-4of8,nm-2of8,nm-1of8"


@click.command()
@click.option(
    "--checkpoint", type=click.Path(), help="A converted checkpoint of accelsim prepare (CIFAR-10)."
)
@click.option("--data", type=click.Path(),
              help="CIFAR-10's binary files (default: $ACCELSIM_DATA); of --spiking, its idx files.")  # fmt: skip
@click.option("--model", help="Instead: your own network, module:factory (any torch.nn.Module).")
@click.option(
    "--spiking",
    type=click.Path(),
    help="Instead: a spiking network, the folder of a run of models.nit.reproduce.",
)
@click.option("--weights", type=click.Path(), help="Its weights, safetensors, if the factory loads none.")
@click.option("--inputs", type=click.Path(), help="Its images: a .npy file, float32 (count, channels, h, w).")
@click.option(
    "--labels",
    type=click.Path(),
    help="Classes of all --inputs, a .npy file of whole numbers: measures each scheme's clean accuracy on them (--model).",
)
@click.option("--calibration", type=click.Path(), help="Training images to distill on, likewise.")
@click.option(
    "--images", type=ImageRange(), default="0:8", show_default="0:8", help="Images by number, a range."
)
@click.option(
    "--schemes",
    type=Names(),
    default=DEFAULT_SCHEMES,
    show_default=True,
    shell_complete=example_schemes,
    help="Schemes to export.",
)
@projection_options(" (--model)")
@precision_option
@seed_option("Seed of P and distillation (--model).")
@linear_option("Approximate linear layers too (--model).")
@click.option("--skip", type=Names(), default=None, help="Layers to leave dense, by name (--model).")
@click.option("--accuracy-images", type=click.IntRange(0, 10_000), default=0, show_default=True,
              help="Measure each scheme's clean accuracy on so many test images (--checkpoint); with --labels on the first "
                   "so many of --inputs (0: on all).")  # fmt: skip
@click.option("--out", type=click.Path(dir_okay=False), required=True, help="The trace file to write.")
@overwrite_option
def export(
    checkpoint: str | None,
    data: str | None,
    model: str | None,
    spiking: str | None,
    weights: str | None,
    inputs: str | None,
    calibration: str | None,
    images: slice,
    schemes: list[str],
    form: Form,
    k_ratio: float | None,
    density: Density | None,
    precision_rule: str,
    labels: str | None,
    seed: int,
    linear: bool,
    skip: list[str] | None,
    accuracy_images: int,
    out: str,
    overwrite: bool,
) -> None:
    """Export the essential masks of a network as a trace. Needs PyTorch (the extra `train`).

    Each image runs through the network once per scheme; the masks of every converted layer are written as
    they come, so memory does not grow with the number of images.

    A spiking network's trace holds its spikes, of the images numbered as its data set's training images, then its test
    images; it has the one scheme dense.

    \b
    Examples: accelsim export --checkpoint resnet18.safetensors --data cifar10/ --images 0:8 --out mine.h5
              accelsim export --model mynets:trained --inputs test.npy --calibration train.npy --out mine.h5

    Schemes: dense; unstructured-P for P % noise (also unstructured-P-position, -calibrated); nm-NofM for N kept of M.
    """
    if sum(source is not None for source in (checkpoint, model, spiking)) != 1:
        raise AccelsimError("export: give one of --checkpoint, --model and --spiking")
    wanted = [_scheme(name) for name in schemes]
    if images.stop is None:
        raise AccelsimError("export: --images needs an end, such as 0:8")
    numbers = range(images.start or 0, images.stop)
    check_output_file(out, regular_only=True)
    require_torch("export")
    if labels is not None and model is None:
        raise AccelsimError("export: --labels goes with --model; a checkpoint takes --accuracy-images")
    fits = []
    steps = len(numbers) * sum(scheme.has_masks for scheme in wanted)
    with progress_bar(steps, "images") as progress:
        if checkpoint is not None:
            from accelsim.nn.trace_export import export_from_checkpoint

            export_from_checkpoint(
                checkpoint, data, out, wanted, numbers,
                accuracy_images=accuracy_images, overwrite=overwrite, progress=progress,
            )  # fmt: skip
        elif spiking is not None:
            from accelsim.nn.spiking.spike_export import export_run

            if data is None:
                raise AccelsimError("export: --spiking needs --data, the folder of its images' idx files")
            export_run(spiking, data, out, numbers, overwrite=overwrite)
        else:
            from accelsim.nn.own_network import export_own_model

            if inputs is None or calibration is None:
                raise AccelsimError("export: --model needs --inputs and --calibration, .npy files of images")
            fits = export_own_model(
                str(model), inputs, calibration, out, wanted, numbers,
                weights=weights, form=form, k_ratio=k_ratio, density=density,
                precision_rule=precision_rule, labels=labels, accuracy_images=accuracy_images,
                seed=seed, linear=linear, skip=skip or (), overwrite=overwrite, progress=progress,
            )  # fmt: skip
    for fit in fits:
        errors = f"unexplained variance {fit.relative_error:.3f}, in INT4 {fit.relative_error_int4:.3f}"
        click.echo(f"{fit.name}: {errors}")
    if fits and any(scheme.scales_scores for scheme in wanted):
        for fit in fits:
            if not fit.batch_norm:
                click.echo(f"{fit.name}: no batch norm follows, so norm and normsigned rank z~ itself")
    click.echo(f"written: {out}")


def _scheme(name: str) -> Scheme:
    try:
        return Scheme.parse(name)
    except AccelsimError as error:
        raise AccelsimError(f"--schemes: {name}: {error}") from None
